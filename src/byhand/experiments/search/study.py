"""An Optuna study that several machines may share: what was tried, what is tried next.

Only this page knows Optuna. A study stands in a data base; a trial is a choice of settings and what
came of it. Trials are asked for a few at a time, trained side by side and told, so that what is
tried next does not depend on which training ends first.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from byhand.errors import InputError
from byhand.experiments.lab.secrets import masked

BEFORE = 5  # so many whole trials before one is stopped early
RANDOM = 10  # so many before the sampler has something to go by


class Study:
    """A study in its data base.

    Args:
        storage: a data base's URL, or an SQLite file.
        name: of the study; several may be in one data base.
        home: a folder of this machine's own. Of trials that were begun and not ended, those that
            were begun from here are taken up again.
        seed: of the sampler.
        space: what is searched, by name: (low, high) is gone through by its logarithm, a list are
            the values there are.
        alike: what must be the same for trials to be comparable; kept with the study.

    Raises:
        InputError: the data base cannot be reached, or the study in it was begun with something
            else than `alike`.
    """

    def __init__(
        self, storage: str | Path, name: str, home: Path, seed: int,
        space: Mapping[str, tuple[float, float] | list[int]], alike: Mapping[str, Any],
    ) -> None:  # fmt: skip
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna = optuna
        self._seed, self._space = seed, space
        if isinstance(storage, Path):
            storage.parent.mkdir(parents=True, exist_ok=True)
        self._worker = hashlib.sha256(f"{platform.node()}:{home.absolute()}".encode()).hexdigest()
        self._storage: Any = None
        try:
            self._open(storage, name, alike)
        except BaseException:
            self.close()
            raise

    def _open(self, storage: str | Path, name: str, alike: Mapping[str, Any]) -> None:
        from sqlalchemy.pool import NullPool

        url = f"sqlite:///{storage.absolute()}" if isinstance(storage, Path) else storage
        try:
            # No connection outlives its use, also where Optuna fails on the way.
            kwargs = {"poolclass": NullPool}
            self._storage = self._optuna.storages.RDBStorage(url, engine_kwargs=kwargs)
            self._study = self._optuna.create_study(
                storage=self._storage, study_name=name, direction="maximize", load_if_exists=True
            )
        except Exception as error:  # of whatever driver the URL names
            reason = masked(str(error).strip().split("\n")[0]).rstrip(".")
            raise InputError(
                f"the study's data base {masked(url)} cannot be used: {reason}; give a URL such as "
                "postgresql://user@host/name, whose driver is installed"
            ) from error
        began = self._study.user_attrs.get("alike")
        if began is None:
            self._study.set_user_attr("alike", dict(alike))
        elif began != alike:
            differ = [k for k in {**began, **alike} if began.get(k) != alike.get(k)]
            raise InputError(
                f"the study {name!r} in {masked(url)} was begun with another {', '.join(differ)}; "
                "name another study with --set study=NAME"
            )

    def close(self) -> None:
        """Let the data base go."""
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()

    def ask(self, most: int, trials: int) -> list[tuple[int, dict[str, Any]]]:
        """Up to `most` trials, as (number, settings), while the study has fewer than `trials`.

        First those that were begun here and never told. Those of other machines count as made.
        """
        states = self._optuna.trial.TrialState
        all_ = self._study.get_trials(deepcopy=False)
        asked = [
            self._optuna.trial.Trial(self._study, trial._trial_id)
            for trial in all_
            if trial.state == states.RUNNING and trial.user_attrs.get("worker") == self._worker
        ][:most]
        made = sum(trial.state != states.FAIL for trial in all_)
        for _ in range(min(most - len(asked), trials - made)):
            trial = self._study.ask()
            trial.set_user_attr("worker", self._worker)
            asked.append(trial)
        return [(trial.number, self._settings(trial)) for trial in asked]

    def _settings(self, trial: Any) -> dict[str, Any]:
        # A sampler for each trial: what one chooses then follows from the trials before it, and
        # not from how often the search was interrupted.
        self._study.sampler = self._optuna.samplers.TPESampler(
            seed=self._seed + trial.number, n_startup_trials=RANDOM
        )
        return {
            name: trial.suggest_float(name, *of, log=True)
            if isinstance(of, tuple)
            else trial.suggest_categorical(name, of)
            for name, of in self._space.items()
        }

    def bars(self) -> list[float]:
        """For each epoch what a trial must have reached by then, to be gone on with.

        The median of what the whole trials had at that epoch, once there are enough of them, as
        Optuna's MedianPruner; the last epoch has none.
        """
        whole = [t["values"] for t in self.trials() if not t["pruned"]]
        if len(whole) < BEFORE:
            return []
        return [median(at) for at in zip(*whole, strict=True)][:-1]

    def tell(self, number: int, values: Sequence[float], pruned: bool, **more: Any) -> None:
        """What came of a trial: its value after each epoch, and whether it was stopped early."""
        states = self._optuna.trial.TrialState
        frozen = self._study.get_trials(deepcopy=False)[number]
        trial = self._optuna.trial.Trial(self._study, frozen._trial_id)
        for epoch, value in enumerate(values, 1):
            trial.report(value, epoch)
        for name, value in more.items():
            trial.set_user_attr(name, value)
        if pruned:
            self._study.tell(number, state=states.PRUNED)
        else:
            self._study.tell(number, values[-1])

    def trials(self) -> list[dict[str, Any]]:
        """All that were told, in the order of their numbers, as plain values."""
        states = self._optuna.trial.TrialState
        return [
            {
                "number": t.number,
                "pruned": t.state == states.PRUNED,
                "settings": dict(t.params),
                "values": [t.intermediate_values[k] for k in sorted(t.intermediate_values)],
                "ours": t.user_attrs.get("worker") == self._worker,
                **{k: v for k, v in t.user_attrs.items() if k != "worker"},
            }
            for t in self._study.get_trials(deepcopy=False, states=(states.COMPLETE, states.PRUNED))
        ]

    def unfinished(self) -> int:
        """How many were asked for and not told."""
        states = (self._optuna.trial.TrialState.RUNNING,)
        return len(self._study.get_trials(deepcopy=False, states=states))

    def importance(self) -> dict[str, float]:
        """Each setting's share of the variance of the value, over the whole trials.

        By functional ANOVA of a random forest (Hutter, Hoos and Leyton-Brown, 2014) as Optuna has
        it; empty where all values are the same or there are too few.
        """
        if len({t["values"][-1] for t in self.trials() if not t["pruned"]}) < 2:
            return {}
        of = self._optuna.importance
        shares = of.get_param_importances(
            self._study, evaluator=of.FanovaImportanceEvaluator(seed=self._seed)
        )
        return {name: float(shares[name]) for name in self._space if name in shares}
