"""How well the reader reads, set by set: `byhand evaluate --reader`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from byhand.data import Dataset
from byhand.errors import DataError
from byhand.evaluation import metrics
from byhand.kernels import available_threads
from byhand.reader.page import Digit, Page
from byhand.reader.scores import coverage, line_errors, threshold_rejecting

T = TypeVar("T")
R = TypeVar("R")

DIGITS = tuple("0123456789")
KNOWN = ("mnist", "usps_train", "semeion", "nsysu_exam_108x", "drawn_28x28", "photos")
PAGES, NONDIGITS, WORDS = 1000, 2500, 50  # how many of those that are made
STEPS = ("mnist", "mnist_pages", "strings", "photos", "nondigits")
SEED = 2024  # what they are drawn from
REJECTED_DIGITS = 0.02  # of MNIST's test digits: what may be rejected along with non-digits
CHUNK = 250  # pictures given to the reader at a time
QUICK = 10  # one in so many, with `quick`


class Reads(Protocol):
    """What is measured here: a `Reader`, or what stands in for one."""

    threshold: float

    def read(self, image: Any, *, threshold: float | None = None) -> Page:
        """Read a page."""

    def read_digits(self, images: Sequence[Any], threshold: float | None = None) -> list[Digit]:
        """Read pictures of one digit each."""


@dataclass(frozen=True)
class Goal:
    """What a figure should be: `least` at any rate, `aim` at best; None where none is set."""

    what: str
    least: float | None = None
    aim: float | None = None
    lower: bool = False

    def met(self, value: float | None) -> bool | None:
        """Whether `value` is as good as `least`; None where there is nothing to say."""
        if self.least is None or value is None:
            return None
        return value <= self.least if self.lower else value >= self.least


GOALS = {
    "usps_train": Goal("USPS envelopes, digits right", 0.995, 0.997),
    "semeion": Goal("Semeion, digits right", 0.94, 0.965),
    "nsysu_exam_108x": Goal("exam sheets, digits right", 0.975, 0.99),
    "drawn_28x28": Goal("drawn with a mouse, digits right", 1.0, 1.0),
    "mnist": Goal("MNIST test, digits right"),
    "mnist_pages": Goal("MNIST test as pages, read exactly", 0.995, 0.997),
    "photos": Goal("photographs, characters wrong", 0.05, 0.01, lower=True),
    "strings": Goal("MNIST strings on pages, characters wrong", 0.03, 0.01, lower=True),
    "rejected_at_2_percent": Goal("non-digits rejected where 2 % of MNIST test are", 0.90, 0.97),
    "rejected": Goal("non-digits rejected at the default threshold"),
    "rejected_pages": Goal("the same read as pages: nothing read", 0.90, 0.97),
    "words": Goal("pages of printed words, digits read for a letter", lower=True),
    "ece_mnist": Goal("calibration error, MNIST test", 0.01, lower=True),
    "ece_semeion": Goal("calibration error, Semeion", 0.03, lower=True),
}


NONDIGIT_ROWS = ("rejected_at_2_percent", "rejected", "rejected_pages", "words")


@dataclass(eq=False)
class Benchmark:
    """Reads every set that is there, and keeps the figures.

    Args:
        reader: what is measured.
        mnist: MNIST's test pictures; None where they are not there.
        folder: holds npz files of single digits (`images` (N, H, W) uint8, `labels` (N,)) and a
            folder `photos` with labels.json; None where there is none.
        quick: one picture in ten only.

    `run` fills `record`.
    """

    reader: Reads
    mnist: Dataset | None = None
    folder: Path | None = None
    quick: bool = False
    record: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Iterator[str]:
        """Read set after set; yields what is about to be read.

        Raises:
            DataError: a set's file is broken.
        """
        self.record = {
            "threshold": self.reader.threshold, "quick": self.quick, "digits": {}, "coverage": {},
            "seconds": {}, "absent": [],
        }  # fmt: skip
        steps = {"photos": self._photos, "mnist_pages": self._pages, "strings": self._strings,
                 "nondigits": self._nondigits}  # fmt: skip
        for name in self.names:
            yield name
            began = perf_counter()
            steps[name]() if name in steps else self._digits(name)
            self.record["seconds"][name] = perf_counter() - began
        self.record["absent"] = [n for n in KNOWN if n not in self.names]
        self.record["rows"] = self._rows()

    @property
    def names(self) -> list[str]:
        """The sets that are there, in the order in which they are read."""
        made = [] if self.mnist is None else ["mnist", "mnist_pages", "strings"]
        files = [] if self.folder is None else sorted(self.folder.glob("*.npz"))
        digits = [f.name if f.stem in STEPS else f.stem for f in files]
        photos = self.folder is not None and (self.folder / "photos" / "labels.json").is_file()
        return [*digits, *(["photos"] if photos else []), *made, "nondigits"]

    def _digits(self, name: str) -> None:
        images, labels = self._set(name)
        digits = self._read_digits(images)
        sure = np.array([digit.confidence for digit in digits])
        given = np.array([digit.probabilities for digit in digits], np.float64)  # (N, 10)
        # Of the twelve classes, the ten digits': the greatest is the confidence.
        p = given * (sure / given.max(axis=1))[:, None]
        read_as = given.argmax(axis=1)
        right = read_as == labels
        hits = int(right.sum())
        self.record["digits"][name] = {
            "n": len(labels),
            "accuracy": hits / len(labels),
            "accuracy_interval": list(metrics.wilson_interval(hits, len(labels))),
            "ece": metrics.reliability(p, labels).ece,
            "ece_given_digit": metrics.reliability(given, labels).ece,
            "rejected": float((sure < self.reader.threshold).mean()),
            "wrong_and_not_rejected": float(((sure >= self.reader.threshold) & ~right).mean()),
        }
        self.record["coverage"][name] = coverage(sure, right).as_dict()
        if name == "mnist":
            self.record["threshold_at_2_percent"] = threshold_rejecting(sure, REJECTED_DIGITS)
            self.record["evaluation"] = {
                "n": len(labels),
                "accuracy": hits / len(labels),
                "loss": metrics.mean_cross_entropy(np.log(given.clip(1e-12)), labels),
                "per_class": [c.as_dict() for c in metrics.per_class(labels, read_as, DIGITS)],
                "confusion": metrics.confusion_matrix(labels, read_as, len(DIGITS)),
                "ece": self.record["digits"][name]["ece"],
            }

    def _pages(self) -> None:
        """MNIST's test pictures as files, through all that a page goes through."""
        images, labels = self._set("mnist")
        texts = _each(lambda image: self.reader.read(as_png(image), threshold=0).text, images)
        hits = sum(text == str(label) for text, label in zip(texts, labels, strict=True))
        self.record["mnist_pages"] = {
            "n": len(texts),
            "accuracy": hits / len(texts),
            "nothing_read": sum(text == "" for text in texts),
            "several_read": sum(len(text) > 1 for text in texts),
        }

    def _photos(self) -> None:
        assert self.folder is not None
        each: list[dict[str, Any]] = []
        for file, lines in _labelled(self.folder / "photos" / "labels.json").items():
            began = perf_counter()
            page = self.reader.read(self.folder / "photos" / file)
            read = [line.text for line in page.lines]
            errors, characters = line_errors(read, lines), sum(map(len, lines))
            each.append(
                {"file": file, "errors": errors, "characters": characters,
                 "error_rate": errors / max(1, characters), "read": read, "written": lines,
                 "seconds": perf_counter() - began}
            )  # fmt: skip
        self.record["photos"] = {**_total(each), "each": each}

    def _strings(self) -> None:
        from byhand.reader.examples.strings import string_page

        assert self.mnist is not None
        images, labels = self.mnist.images[:, 0], self.mnist.labels

        def read(i: int) -> dict[str, Any]:
            page = string_page(images, labels, np.random.default_rng([SEED, i]))
            lines = [line.text for line in self.reader.read(page.pixels).lines]
            return {
                "spacing": page.spacing, "errors": line_errors(lines, page.lines),
                "characters": sum(map(len, page.lines)), "right": lines == list(page.lines),
            }  # fmt: skip

        each = _each(read, range(PAGES // (QUICK if self.quick else 1)))
        spacings = dict.fromkeys(page["spacing"] for page in each)
        self.record["strings"] = {
            **_total(each),
            "pages": len(each),
            "pages_right": sum(page["right"] for page in each) / len(each),
            "by_spacing": {s: _total([p for p in each if p["spacing"] == s]) for s in spacings},
        }

    def _nondigits(self) -> None:
        from byhand.reader.examples import nondigits_for_testing, words_for_testing

        fewer = QUICK if self.quick else 1
        pictures, kinds = nondigits_for_testing(NONDIGITS // fewer, SEED)
        empty = np.array(_each(lambda picture: not self.reader.read(picture).text, pictures))
        pages, letters = words_for_testing(WORDS // fewer, SEED)
        read = _each(lambda page: sum(len(x.text) for x in self.reader.read(page).lines), pages)
        sure = np.array([digit.confidence for digit in self._read_digits(pictures)])
        at = self.record.get("threshold_at_2_percent")

        def rejected(which: NDArray[np.bool_]) -> dict[str, Any]:
            some = sure[which]
            return {
                "n": len(some),
                "rejected": float((some < self.reader.threshold).mean()),
                "rejected_at_2_percent": None if at is None else float((some < at).mean()),
                "rejected_pages": float(empty[which].mean()),
            }

        of = np.array(kinds)
        self.record["nondigits"] = {
            **rejected(np.full(len(sure), True)),
            "by_kind": {kind: rejected(of == kind) for kind in dict.fromkeys(kinds)},
            "words": sum(read) / sum(letters),
        }

    def _set(self, name: str) -> tuple[NDArray[np.uint8], NDArray[Any]]:
        if name == "mnist":
            assert self.mnist is not None
            images, labels = self.mnist.images[:, 0], self.mnist.labels
        else:
            assert self.folder is not None
            images, labels = open_digits(self.folder / f"{name.removesuffix('.npz')}.npz")
        every = QUICK if self.quick and len(labels) > 1000 else 1
        return images[::every], labels[::every].astype(np.int64)

    def _read_digits(self, images: Sequence[Any] | NDArray[np.uint8]) -> list[Digit]:
        chunks = [list(images[i : i + CHUNK]) for i in range(0, len(images), CHUNK)]
        read = _each(lambda chunk: self.reader.read_digits(chunk, threshold=0), chunks)
        return [digit for chunk in read for digit in chunk]

    def _rows(self) -> list[dict[str, Any]]:
        """A row for each figure that there is a goal for, and each other set of digits."""
        r = self.record
        values = {name: figures["accuracy"] for name, figures in r["digits"].items()}
        values |= {f"ece_{name}": figures["ece"] for name, figures in r["digits"].items()}
        for name, key in (("mnist_pages", "accuracy"), ("photos", "error_rate"),
                          ("strings", "error_rate")):  # fmt: skip
            values[name] = r.get(name, {}).get(key)
        values |= {k: r["nondigits"][k] for k in NONDIGIT_ROWS}
        others = {n: Goal(f"{n}, digits right") for n in r["digits"] if n not in GOALS}
        return [
            {"name": name, "what": goal.what, "value": values[name], "least": goal.least,
             "aim": goal.aim, "lower": goal.lower, "met": goal.met(values[name])}
            for name, goal in {**others, **GOALS}.items()
            if values.get(name) is not None
        ]  # fmt: skip


def text(record: dict[str, Any]) -> str:
    """The record as a table for people: each figure beside what it should be."""
    rows = [("", "measured", "at least", "aim", "")]
    for row in record["rows"]:
        least = "" if row["least"] is None else _percent(row["least"], row["lower"])
        aim = "" if row["aim"] is None else _percent(row["aim"], row["lower"])
        met = {None: "", True: "yes", False: "NO"}[row["met"]]
        rows.append((row["what"], f"{row['value']:.2%}", least, aim, met))
    widths = [max(len(row[i]) for row in rows) for i in range(5)]
    lines = [
        "  ".join(
            [
                row[0].ljust(widths[0]),
                *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)),
            ]
        ).rstrip()
        for row in rows
    ]
    lines += [
        f"{photo['file']}: {photo['errors']} of {photo['characters']} characters wrong"
        + (f", read {' '.join(photo['read'])}" if photo["errors"] else "")
        for photo in record.get("photos", {}).get("each", [])
    ]
    if record["absent"]:
        lines.append(f"not there: {', '.join(record['absent'])}")
    if record["quick"]:
        lines.append("--quick: a tenth of the larger sets only")
    return "\n".join(lines)


def open_digits(path: Path) -> tuple[NDArray[np.uint8], NDArray[Any]]:
    """Pictures of single digits, `images` (N, H, W) uint8 and `labels` (N,), of an npz file.

    Raises:
        DataError: the file cannot be read or holds something else.
    """
    expected = "give an npz file with images (N, H, W) of uint8 and labels (N,) from 0 to 9"
    try:
        with np.load(path, allow_pickle=False) as file:
            images, labels = file["images"], file["labels"]
    except Exception as error:  # a broken zip file raises anything
        raise DataError(f"{path} cannot be read ({error}): {expected}") from error
    fits = images.ndim == 3 and images.dtype == np.uint8 and labels.shape == images.shape[:1]
    if not fits or not len(labels) or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{path} holds images {images.shape}, labels {labels.shape}: {expected}")
    return images, labels


def as_png(image: NDArray[np.uint8]) -> bytes:
    """A grey picture (H, W) as the bytes of a PNG file."""
    from PIL import Image

    written = BytesIO()
    Image.fromarray(image).save(written, format="PNG", compress_level=1)
    return written.getvalue()


def _each(function: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """What `function` gives for each item, in their order; a thread for each core reads."""
    with ThreadPoolExecutor(available_threads()) as threads:
        return list(threads.map(function, items))


def _labelled(path: Path) -> dict[str, list[str]]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return {file: [str(line) for line in about["lines"]] for file, about in values.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read ({error}): give an object of file names, each with its lines"
        ) from error


def _total(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    errors, characters = (sum(one[key] for one in each) for key in ("errors", "characters"))
    return {"errors": errors, "characters": characters, "error_rate": errors / max(1, characters)}


def _percent(share: float, lower: bool) -> str:
    return f"{'≤' if lower else '≥'} {100 * share:g}%"
