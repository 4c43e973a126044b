"""All that the reader's network learns from, put together: digits of many kinds, and no digits."""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import kernels
from byhand.data import Dataset, Splits
from byhand.errors import DataError
from byhand.reader.examples.fonts import training_fonts
from byhand.reader.examples.glyphs import digit_glyphs, letter_glyphs
from byhand.reader.examples.groups import string_groups
from byhand.reader.examples.parts import parts
from byhand.reader.examples.pens import drawn_digits
from byhand.reader.examples.scribbles import scribbles
from byhand.reader.examples.textures import textures
from byhand.reader.examples.variants import handwriting_variants, scanned_poorly
from byhand.reader.normalise import normalise_all
from byhand.reader.recognise import CLASSES, NONE


@dataclass(frozen=True)
class Amounts:
    """How many examples of each kind for one MNIST digit; `variants` counts whole passes."""

    variants: int = 3
    drawn: float = 1.1
    printed: float = 0.6
    letters: float = 0.7
    scribbles: float = 0.35
    textures: float = 0.2
    parts: float = 0.6
    groups: float = 1.2


HELD_OUT = 12  # one training digit of so many is kept for validation
SHARE = 5000  # training digits that one process makes its examples of at a time
_WORN = 0.35  # the share of examples that a poor scanner has seen


def make_training_set(
    mnist: Splits,
    seed: int,
    amounts: Amounts = Amounts(),
    fonts: Sequence[Path] | None = None,
) -> Splits:
    """MNIST's pictures made into what the reader learns from: twelve classes, normalised.

    The training digits are split first, one of twelve for validation, and what is made of a digit
    stays on its side; so do packages of fonts. The test part is MNIST's test digits, normalised and
    nothing else.

    Args:
        mnist: digits (1, 28, 28); their classes are the ten digits.
        seed: all that is drawn follows from it.
        amounts: of each kind.
        fonts: to learn from; None takes `training_fonts()`.

    Raises:
        DataError: the pictures are no digits of 28×28.
        InputError: there are no fonts; `make fonts` fetches them.
    """
    if mnist.train.image_shape != (1, 28, 28) or len(mnist.train.classes) != 10:
        raise DataError(
            f"the reader learns from digits of 28×28 pixels, but {mnist.source} has "
            f"{len(mnist.train.classes)} classes of {mnist.train.image_shape}"
        )
    faces = list(training_fonts() if fonts is None else fonts)
    packages = sorted({face.parent.name for face in faces})
    kept = [_held_out(packages.index(face.parent.name)) for face in faces]
    held = _held_out(np.arange(len(mnist.train)))
    shares: list[tuple[Dataset, list[Path]]] = []
    for side in (False, True):
        digits = mnist.train.take(np.flatnonzero(held == side))
        own = [face for face, its in zip(faces, kept, strict=True) if its == side]
        shares += [
            (digits.take(np.arange(start, min(start + SHARE, len(digits)))), own or faces)
            for start in range(0, len(digits), SHARE)
        ]
    made = _made([(*share, amounts) for share in shares], seed)
    n = -(-int((~held).sum()) // SHARE)  # shares to train on; the rest are for validation
    train, validation = _joined(made[:n]), _joined(made[n:])
    test = Dataset(normalise_all(mnist.test.images[:, 0])[:, None], mnist.test.labels, CLASSES)
    digest = hashlib.sha256(f"{mnist.sha256} {seed} {amounts}".encode())
    for part in (train, validation):
        digest.update(part.images.tobytes())
    return Splits(
        f"reader's training set from {mnist.name}", train, test, validation,
        f"{mnist.source} and {len(faces)} fonts", digest.hexdigest(), mnist.notes,
    )  # fmt: skip


def _held_out(number: Any) -> Any:
    return number % HELD_OUT == HELD_OUT - 1


def _made(shares: Sequence[tuple[Dataset, Sequence[Path], Amounts]], seed: int) -> list[Dataset]:
    """What is made of each share, by as many processes as there are threads.

    A share has a generator of its own, so that it does not matter who makes which.
    """
    seeds = np.random.SeedSequence(seed).spawn(len(shares))
    jobs = [(*share, own) for share, own in zip(shares, seeds, strict=True)]
    workers = min(kernels.available_threads(), len(jobs))
    if workers < 2:
        return [_of_share(*job) for job in jobs]
    # Started anew, not forked: the threads of the compiled core do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(_of_share, *zip(*jobs, strict=True)))


def _joined(parts: Sequence[Dataset]) -> Dataset:
    images = np.concatenate([part.images for part in parts])
    return Dataset(images, np.concatenate([part.labels for part in parts]), CLASSES)


def _of_share(
    digits: Dataset, fonts: Sequence[Path], amounts: Amounts, seed: np.random.SeedSequence
) -> Dataset:
    rng = np.random.default_rng(seed)
    images, labels = digits.images[:, 0], digits.labels
    n = len(images)
    pictures: list[NDArray[np.uint8]] = []
    classes: list[NDArray[np.int64]] = []

    def add(inks: Iterable[NDArray[Any]], of: NDArray[np.integer] | int, wear: bool) -> None:
        made = normalise_all(
            scanned_poorly(ink, rng) if wear and rng.random() < _WORN else ink for ink in inks
        )
        pictures.append(made)
        classes.append(np.broadcast_to(np.asarray(of, np.int64), len(made)))

    add(images, labels, False)
    for _ in range(amounts.variants):
        add(handwriting_variants(images, rng), labels, True)
    add(*drawn_digits(rng, round(amounts.drawn * n)), True)
    add(*digit_glyphs(fonts, rng, round(amounts.printed * n)), True)
    add(*string_groups(images, labels, rng, round(amounts.groups * n)), False)
    add(letter_glyphs(fonts, rng, round(amounts.letters * n)), NONE, True)
    add(scribbles(rng, round(amounts.scribbles * n)), NONE, True)
    add(textures(rng, round(amounts.textures * n)), NONE, False)
    add(*parts(images, labels, rng, round(amounts.parts * n)), True)
    return Dataset(np.concatenate(pictures)[:, None], np.concatenate(classes), CLASSES)
