"""How well strings of handwritten digits are read, and how the cutter's priors are chosen.

    python benchmarks/reader_strings.py --data DIR [--pages 1000]  # pages, through the whole reader
    python benchmarks/reader_strings.py --data DIR --ink 1000      # lines of ink: cutting alone
    python benchmarks/reader_strings.py --data DIR --singles       # MNIST's test digits, one by one
    python benchmarks/reader_strings.py --data DIR --choose        # better priors, on other digits

The first three read strings made of MNIST's test digits, page i seeded with (2024, i), and give
the character error rate by spacing. `--choose` looks for priors, one after the other, that read
strings of training digits better which the network was not trained on: some broken, some with
specks, letters or scribbles beside them, some of letters alone (`make fonts` fetches the letters).
Its strings are read once; the priors only weigh the groups anew.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from byhand.data import open_data
from byhand.reader import Reader, cut
from byhand.reader.examples.fonts import training_fonts
from byhand.reader.examples.glyphs import letter_glyphs
from byhand.reader.examples.groups import line_pieces
from byhand.reader.examples.scribbles import scribbles
from byhand.reader.examples.strings import SPACINGS, broken, specked, string, string_page
from byhand.reader.examples.training_set import HELD_OUT
from byhand.reader.lattice import PRIORS, Priors, best_way
from byhand.reader.recognise import NONE, confidences, no_digit
from byhand.reader.scores import edit_distance, line_errors

SEED = 2024
FACTORS = (0.0, 0.5, 0.71, 1.41, 2.0)  # by which a prior is changed to see whether it is better
WORDS = 0.1  # of the other lines: letters alone, in which no digit is to be found
SINGLES = 0.4  # of the lines to choose by: digits by themselves, at MNIST's size


class Tally:
    """Wrong characters by spacing."""

    def __init__(self) -> None:
        self.wrong: dict[str, int] = defaultdict(int)
        self.written: dict[str, int] = defaultdict(int)

    def add(self, spacing: str, wrong: int, written: int) -> None:
        """One more line or page."""
        self.wrong[spacing] += wrong
        self.written[spacing] += written

    def rate(self) -> float:
        """Of all."""
        return sum(self.wrong.values()) / sum(self.written.values())

    def __str__(self) -> str:
        rows = [
            f"{spacing:10s}{self.wrong[spacing]:6d} of {self.written[spacing]:6d}"
            f"{self.wrong[spacing] / max(1, self.written[spacing]):9.2%}"
            for spacing in self.written
        ]
        total = f"{sum(self.wrong.values()):6d} of {sum(self.written.values()):6d}"
        return "\n".join([*rows, f"{'all':10s}{total}{self.rate():9.2%}"])


def read_pages(reader: Reader, images: Any, labels: Any, n: int) -> Tally:
    """Pages through the whole reader, at its threshold."""
    tally, seconds = Tally(), 0.0
    for i in range(n):
        page = string_page(images, labels, np.random.default_rng([SEED, i]))
        begun = time.perf_counter()
        read = reader.read(page.pixels)
        seconds += time.perf_counter() - begun
        wrong = line_errors([line.text for line in read.lines], page.lines)
        tally.add(page.spacing, wrong, sum(map(len, page.lines)))
    print(f"{seconds / n * 1000:.0f} ms a page")
    return tally


def read_ink(reader: Reader, images: Any, labels: Any, n: int) -> Tally:
    """Lines of ink through the cutter alone, at the reader's threshold."""
    tally, seconds = Tally(), 0.0
    for i in range(n):
        rng = np.random.default_rng([SEED, i])
        spacing = list(SPACINGS)[i % len(SPACINGS)]
        line = string(images, labels, rng, spacing, rng.uniform(28, 60))
        pieces = line_pieces(line.ink)
        begun = time.perf_counter()
        found = cut.read_lines([pieces], reader.recogniser)[0]
        seconds += time.perf_counter() - begun
        text = text_of([one.probabilities for one in found], reader.threshold)
        tally.add(spacing, edit_distance(text, line.text), len(line.text))
    print(f"{seconds / sum(tally.written.values()) * 1000:.1f} ms a digit")
    return tally


def read_singles(reader: Reader, images: Any, labels: Any) -> None:
    """Every test digit by itself: how often it comes out as one digit, and as the right one."""
    counts, right = [], []
    for start in range(0, len(images), 500):
        lines = [line_pieces(ink.astype(np.float32) / 255) for ink in images[start : start + 500]]
        for found, label in zip(
            cut.read_lines(lines, reader.recogniser), labels[start : start + 500], strict=True
        ):
            counts.append(len(found))
            right.append(text_of([one.probabilities for one in found], 0.0) == str(label))
    one = np.mean(np.array(counts) == 1)
    print(f"{len(images)} digits: {one:.2%} one digit, {np.mean(right):.2%} the right one")


def text_of(read: Sequence[NDArray[np.float32]], threshold: float) -> str:
    """The digits that are sure enough, as the reader takes them."""
    if not read:
        return ""
    probabilities = np.stack(read)
    kept = (confidences(probabilities) >= threshold) & (no_digit(probabilities) <= 0.5)
    if threshold == 0:
        kept[:] = True
    return "".join(str(digit) for digit in probabilities[kept, :NONE].argmax(axis=1))


def practice(images: Any, labels: Any, n: int) -> Iterator[tuple[str, str, NDArray[np.float32]]]:
    """Lines to choose priors by: kind, text and ink."""
    fonts = training_fonts()
    for i in range(n):
        rng = np.random.default_rng([7, i])
        if rng.random() < SINGLES:
            k = int(rng.integers(len(images)))
            yield "single", str(labels[k]), images[k].astype(np.float32) / 255
            continue
        kind, height = list(SPACINGS)[i % len(SPACINGS)], rng.uniform(24, 60)
        if rng.random() < WORDS:
            nothing = np.zeros((1, 1), np.float32)
            yield "words", "", beside(nothing, letter_glyphs(fonts, rng, 8), rng, height)
            continue
        line = string(images, labels, rng, kind, height)
        ink, what = line.ink, rng.random()
        if what < 0.2:
            kind, ink = "broken", broken(ink, rng, height)
        elif what < 0.4:
            kind, ink = "specks", specked(ink, rng, height)
        elif what < 0.6:
            draw = scribbles(rng, 3) if what < 0.5 else letter_glyphs(fonts, rng, 5)
            kind, ink = "scribbles" if what < 0.5 else "letters", beside(ink, draw, rng, height)
        yield kind, line.text, ink


def beside(
    ink: NDArray[np.float32], others: Sequence[Any], rng: np.random.Generator, height: float
) -> NDArray[np.float32]:
    """A line's ink (h, w), and what is no digit in the same line, to the left or to the right."""
    parts = []
    for other in others:
        size = max(height * rng.uniform(0.6, 1.1) / max(other.shape), 1 / max(other.shape))
        wide, high = (max(1, round(side * size)) for side in other.shape[::-1])
        small = np.asarray(Image.fromarray(other.astype(np.float32)).resize((wide, high)))
        parts += [
            small / max(small.max(), 1e-6),
            np.zeros((1, round(height * rng.uniform(0.1, 0.4)))),
        ]
    parts = parts[:-1]
    apart = np.zeros((1, round(height * rng.uniform(0.5, 1.0))))
    parts = [ink, apart, *parts] if rng.random() < 0.5 else [*parts, apart, ink]
    tall = max(part.shape[0] for part in parts)
    rows = [(tall - part.shape[0]) // 2 for part in parts]
    return np.concatenate(
        [
            np.pad(part, ((row, tall - part.shape[0] - row), (0, 0)))
            for part, row in zip(parts, rows, strict=True)
        ],
        axis=1,
    ).astype(np.float32)


def choose(reader: Reader, images: Any, labels: Any, n: int) -> None:
    """Change one prior after the other as long as it helps, and print what came of it."""
    made = list(practice(images, labels, n))
    priors, best = PRIORS, np.inf
    for sure in (0.9, 0.95, 0.98, 0.99):
        trial = replace(priors, sure=sure)
        rate = rates(lattice(reader, made, trial), made, trial, reader.threshold).rate()
        print(f"sure {sure}: {rate:.2%}", flush=True)
        if rate < best:
            best, kept = rate, trial
    priors = kept
    lines = lattice(reader, made, priors)
    names = [name for name in asdict(priors) if name != "sure"]
    changed = True
    while changed:
        changed = False
        for name in names:
            now = getattr(priors, name)
            values = [now * factor for factor in FACTORS] if now else [0.25, 0.5, 1.0]
            values += [now - 1, now + 1] if name == "digit" else []
            for value in values:
                trial = replace(priors, **{name: value})
                rate = rates(lines, made, trial, reader.threshold).rate()
                if rate < best:
                    best, priors, changed = rate, trial, True
                    print(f"{name} {value:.3g}: {rate:.3%}", flush=True)
    print(priors)
    print(rates(lines, made, priors, reader.threshold))


def lattice(reader: Reader, made: Sequence[tuple[str, str, Any]], priors: Priors) -> list[Any]:
    """Every line with its groups read, on which any priors can be tried."""
    lines = []
    # No group is left out for its traits: other priors may want it.
    open_minded = replace(priors, cut=0.0, gap=0.0, overlap=0.0, size=0.0, off=0.0, doubt=0.0)
    for start in range(0, len(made), 25):
        some = [line_pieces(ink) for _, _, ink in made[start : start + 25]]
        lines += cut.read_groups(some, reader.recogniser, None, open_minded)
    for line in lines:  # what is not needed any more
        for group in line.groups:
            group.ink = group.ink[:0]
    return lines


def rates(
    lines: Sequence[Any], made: Sequence[tuple[str, str, Any]], priors: Priors, threshold: float
) -> Tally:
    """The error rates with these priors, from the groups as they were read at first."""
    tally = Tally()
    for line, (kind, text, _) in zip(lines, made, strict=True):
        read = text_of([g.read for g in best_way(line, priors)[1]], threshold)
        tally.add(kind, edit_distance(read, text), len(text))
    return tally


def main() -> None:
    """Read the arguments, and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", help="the folder that holds mnist/")
    parser.add_argument("--model", help="a reader's model; the package's own by default")
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--ink", type=int, metavar="N")
    parser.add_argument("--singles", action="store_true")
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--lines", type=int, default=1500, help="to choose by")
    args = parser.parse_args()
    reader, mnist = Reader.load(args.model), open_data(args.data)
    images, labels = mnist.test.images[:, 0], mnist.test.labels
    if args.choose:
        held = np.arange(len(mnist.train)) % HELD_OUT == HELD_OUT - 1
        choose(reader, mnist.train.images[held, 0], mnist.train.labels[held], args.lines)
    elif args.singles:
        read_singles(reader, images, labels)
    elif args.ink:
        print(read_ink(reader, images, labels, args.ink))
    else:
        print(read_pages(reader, images, labels, args.pages))


if __name__ == "__main__":
    main()
