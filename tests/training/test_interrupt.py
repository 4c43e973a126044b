"""An interrupt at any moment of training: who goes on comes to the bits of an unbroken run."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import blobs
from byhand import kernels, nn, optim, training
from byhand.data import Standardisation

# Where the interrupt falls: in the lines that change anything of a run.
ROOM = Path(training.__file__).parent
PAGES = {
    *(str(ROOM / f"{page}.py") for page in ("fit", "trainer", "epoch", "state")),
    *(str(ROOM.parent / "optim" / f"{page}.py") for page in ("optimisers", "averaging")),
}
WAYS = {
    "plain": {"optimiser": optim.SGD(momentum=0.9), "validation": None},
    "averaged": {"average": optim.ExponentialMovingAverage(0.9)},
    "clipped, on the reference": {"clip_norm": 0.1, "layout": "reference"},
}


def small_run(**how):
    """An epoch of two steps and one of one, with all that a step can change."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(9, 4), nn.BatchNorm1d(4), nn.Dropout(0.2),
                          nn.Linear(4, 10)).init(np.random.default_rng(0))  # fmt: skip
    model.card = replace(
        model.card, image_shape=(1, 3, 3), standardisation=Standardisation((0.4,), (0.3,))
    )
    rng = np.random.default_rng(1)
    how = {"optimiser": optim.Adam(), "average": None, "validation": PICTURES, **how}
    state = training.new_state(model, how["optimiser"], rng, how["average"] is not None)
    how |= {"schedule": optim.Constant(0.1), "batch_size": 6, "steps": 3}
    return SimpleNamespace(model=model, state=state, how={**how, "rng": rng, "state": state})


PICTURES = blobs.pictures(12, size=3)


def train(run):
    """Gives the weights as they stood at the start and after each step."""
    records = training.fit(run.model, PICTURES, **run.how, step_records=True)
    return [run.model.flat.tobytes(), *(run.model.flat.tobytes() for _ in records)]


def bits(run):
    """All that a run carries on, without what the clock said."""
    state = vars(run.state)
    arrays = [run.model.flat, run.model.flat_buffers, *run.state.optimiser.arrays.values()]
    arrays += [state[name] for name in ("average", "best_flat", "best_buffers")]
    records = [
        {k: v for k, v in asdict(r).items() if k not in ("seconds", "images_per_second")}
        for r in run.state.records
    ]
    rest = [state[name] for name in ("epoch", "step", "batch", "generator", "best_epoch")]
    return (
        [None if a is None else a.tobytes() for a in arrays],
        [*rest, run.state.optimiser.step, run.state.sums],
        records,
    )


@contextmanager
def interrupt_at(number):
    """Raise KeyboardInterrupt at the line of this number in the pages; gives the lines met."""
    met = []

    def look(frame, event, arg):
        code = frame.f_code
        if event == "call" and (code.co_filename not in PAGES or code.co_name == "__del__"):
            return None  # nothing comes out of `__del__`
        if event == "line":
            met.append((frame.f_code.co_filename, frame.f_lineno))
            if len(met) == number:
                raise KeyboardInterrupt
        return look

    before = sys.gettrace()
    sys.settrace(look)
    try:
        yield met
    finally:
        sys.settrace(before)


@pytest.fixture
def one_thread():
    """Handing so little work to threads would take longer than the work."""
    threads = kernels.threads()
    kernels.set_threads(1)
    yield
    kernels.set_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.filterwarnings("ignore:fit was called")  # interrupted before the first record
@pytest.mark.parametrize("way", WAYS)
def test_an_interrupt_at_any_line_leaves_the_old_state_or_the_new(way):
    whole = small_run(**WAYS[way])
    with interrupt_at(0) as met:
        stood = train(whole)
    want = bits(whole)
    latest = {line: number for number, line in enumerate(met, 1)}
    assert len(latest) > 100
    for number in latest.values():
        run = small_run(**WAYS[way])
        with pytest.raises(KeyboardInterrupt), interrupt_at(number):
            train(run)
        assert run.model.flat.tobytes() in stood
        train(run)
        assert bits(run) == want, f"interrupted at {met[number - 1]}"


@pytest.mark.usefixtures("one_thread")
def test_an_interrupt_of_the_putting_right_is_put_right_by_going_on():
    run, whole = (small_run(average=optim.ExponentialMovingAverage(0.9)) for _ in range(2))
    train(whole)

    def interrupt(*_):
        raise KeyboardInterrupt

    norm = run.model.layers[2]
    norm.commit = run.state.settle = interrupt  # after the optimiser's update, and again
    with pytest.raises(KeyboardInterrupt):
        train(run)
    del norm.commit, run.state.settle
    train(run)
    assert bits(run) == bits(whole)
