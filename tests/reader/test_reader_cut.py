"""Lines of pieces become digits: joined, cut apart, left out, and as many as asked for."""

from __future__ import annotations

import time

import numpy as np
import pytest

import support
from byhand.data import open_data
from byhand.reader.cut import DigitCandidate, read_lines
from byhand.reader.examples.groups import line_pieces, string_groups
from byhand.reader.examples.strings import SPACINGS, broken, specked, string, string_page
from byhand.reader.lattice import Priors
from byhand.reader.normalise import normalise
from byhand.reader.recognise import MODEL, NONE, SEVERAL, Recogniser, confidences, no_digit
from byhand.reader.scores import edit_distance
from byhand.reader.seams import find_seams, stroke_width

HEIGHT = 40


def shapes():
    """Three figures that are easy to tell: a frame, a cross and a bar; (40, w) of ink."""
    y, x = np.mgrid[:HEIGHT, :30]
    frame = ((x < 5) | (x > 24) | (y < 5) | (y > 34)).astype(np.float32)
    cross = ((abs(x - 15) < 3) | (abs(y - 20) < 3)).astype(np.float32)
    bar = np.ones((HEIGHT, 5), np.float32)
    return {"0": frame, "4": cross, "1": bar}


class Shapes:
    """Reads what is nearly one of the figures as it, and all else as several, or as none."""

    def __init__(self, otherwise=SEVERAL):
        self.asked, self.otherwise = [], otherwise
        self.known = {int(c): normalise(ink).astype(float) for c, ink in shapes().items()}

    def read(self, pictures, views=16):
        self.asked.append((len(pictures), views))
        logits = np.full((len(pictures), 12), -9.0)
        logits[:, self.otherwise] = 0
        for i, picture in enumerate(pictures.astype(float)):
            for label, known in self.known.items():
                apart = np.abs(picture - known).sum() / known.sum()
                logits[i, label] = 6 - 30 * apart
        powers = np.exp(logits)
        return (powers / powers.sum(1, keepdims=True)).astype(np.float32)


def written(text, gaps):
    """The figures of a text side by side, with so many pixels between each and the next."""
    x, placed = 2, []
    for c, gap in zip(text, [*gaps, 0], strict=True):
        placed.append((x, shapes()[c]))
        x += shapes()[c].shape[1] + gap
    ink = np.zeros((HEIGHT + 4, x + 2), np.float32)
    for left, figure in placed:
        place = ink[2 : 2 + HEIGHT, left : left + figure.shape[1]]
        np.maximum(place, figure, out=place)
    return ink


def text_of(found):
    return "".join(str(int(one.probabilities[:NONE].argmax())) for one in found)


def read(ink, digits=None):
    return read_lines([line_pieces(ink)], Shapes(), digits)[0]


@pytest.mark.parametrize(
    ("text", "gaps"),
    [("0", []), ("04", [9]), ("401", [6, 6]), ("0440", [0, 0, 0]), ("404", [-1, -1]), ("44", [0])],
)
def test_digits_are_read_whether_they_are_apart_or_touch(text, gaps):
    found = read(written(text, gaps))
    assert text_of(found) == text
    assert all(isinstance(one, DigitCandidate) for one in found)
    assert [one.box[0] for one in found] == sorted(one.box[0] for one in found)


def test_a_box_is_where_its_ink_is():
    ink = written("0404", [8, 0, 8])
    for one in read(ink):
        x, y, w, h = one.box
        assert one.ink.shape == (h, w)
        place = ink[y : y + h, x : x + w]
        np.testing.assert_array_equal(np.minimum(one.ink, place), one.ink)  # none but the page's
        sides = (one.ink[0], one.ink[-1], one.ink[:, 0], one.ink[:, -1])
        assert all(side.any() for side in sides)  # and as tight as can be
        assert one.probabilities.shape == (12,)
        assert one.probabilities.sum() == pytest.approx(1, abs=1e-5)


def test_a_broken_digit_is_joined():
    ink = written("40", [12])
    ink[:, 60:63] = 0  # a gap through both bars of the frame
    assert len(line_pieces(ink)) == 3
    assert text_of(read(ink)) == "40"


def test_specks_and_what_is_no_digit_are_left_out():
    ink = written("4", [])
    ink = np.pad(ink, ((0, 0), (0, 60)))
    ink[36:40, 45:49] = 1  # a dot
    y, x = np.mgrid[: ink.shape[0], : ink.shape[1]]
    ink[(abs((x - 80) - (y - 20)) < 3) & (y > 5) & (y < 40)] = 1  # a stroke that leans too much
    assert len(line_pieces(ink)) == 3
    assert text_of(read(ink)) == "4"


@pytest.mark.parametrize("digits", [3, 4])
def test_as_many_digits_as_are_expected(digits):
    # Four crosses, of which the way with the most of them takes all.
    assert text_of(read(written("4444", [6, 6, 6]))) == "4444"
    assert text_of(read(written("4444", [6, 6, 6]), digits)) == "4" * digits


def test_more_digits_expected_than_there_can_be_gives_those_that_there_are():
    assert text_of(read(written("4", []), digits=9)).count("4") == 1


def test_an_empty_line_has_no_digits():
    assert read_lines([], Shapes()) == []
    assert read_lines([[], []], Shapes()) == [[], []]
    found = read_lines([[], line_pieces(written("4", [])), []], Shapes())
    assert [text_of(line) for line in found] == ["", "4", ""]


def test_all_lines_are_read_in_four_questions():
    reader = Shapes()
    lines = [line_pieces(written("0440", [0, 0, 0])) for _ in range(5)]
    assert [text_of(line) for line in read_lines(lines, reader)] == ["0440"] * 5
    pieces, groups, hopeful, chosen = reader.asked
    assert pieces == (5, 16)
    assert groups[0] > hopeful[0] >= 20
    assert (groups[1], hopeful[1]) == (1, 4)
    assert chosen == (20, 16)


def test_the_order_of_pieces_is_their_place_and_not_their_order():
    pieces = line_pieces(written("401", [6, 6]))
    assert text_of(read_lines([pieces[::-1]], Shapes())[0]) == "401"


# ---- cuts


def test_a_cut_goes_through_the_thinnest_place():
    y, x = np.mgrid[:40, :80]
    ink = (np.hypot(x - 20, y - 20) < 18) | (np.hypot(x - 60, y - 20) < 18)
    ink |= (abs(y - 20) < 2) & (x > 20) & (x < 60)  # two discs and a bridge
    seams = find_seams(ink.astype(np.float32), digit=40)
    best = min(seams, key=lambda seam: seam.cost)
    assert best.columns.shape == (40,)
    assert 37 <= best.columns[20] <= 43
    assert all(np.abs(np.diff(seam.columns)).max() <= 1 for seam in seams)
    assert [s.columns.mean() for s in seams] == sorted(s.columns.mean() for s in seams)


def test_a_cut_follows_writing_that_leans():
    y, x = np.mgrid[:48, :60]
    lean = (24 - y) * 0.6
    ink = (abs(x - 20 - lean) < 3) | (abs(x - 40 - lean) < 3)
    ink |= (abs(y - 24) < 2) & (x > 20) & (x < 40)
    seams = find_seams(ink.astype(np.float32), digit=48)
    middle = 30 + (24 - np.arange(48)) * 0.6  # between the two strokes
    assert min(np.abs(seam.columns - middle).max() for seam in seams) <= 7


def test_the_width_of_a_stroke_is_measured():
    y, x = np.mgrid[:200, :200]
    for width in (4, 9):
        ring = (abs(np.hypot(x - 100, y - 100) - 70) < width / 2).astype(np.float32)
        assert stroke_width(ring) == pytest.approx(width, rel=0.1)


def test_large_pieces_are_cut_as_small_ones_are():
    ink = written("04", [0])
    small = find_seams(ink, digit=40)
    large = find_seams(np.kron(ink, np.ones((4, 4), np.float32)), digit=160)
    assert large
    for seam in small:
        near = min(np.abs(seam.columns.mean() * 4 - other.columns.mean()) for other in large)
        assert near < 12


# ---- bounds


def test_a_page_of_noise_is_read_in_few_questions_and_little_time():
    rng = np.random.default_rng(1)
    noise = (rng.random((120, 3000)) < 0.12).astype(np.float32)
    pieces = line_pieces(noise, least=0.5)[:2000]
    assert len(pieces) == 2000
    reader = Shapes()
    begun = time.process_time()
    read_lines([pieces], reader)
    assert all(n <= 3000 for n, _ in reader.asked)
    assert time.process_time() - begun < 10


def test_a_huge_scribble_has_few_groups():
    rng = np.random.default_rng(2)
    ink = np.zeros((600, 2000), np.float32)
    path = np.cumsum(rng.normal(0, 12, (3000, 2)), axis=0) % (598, 1998)
    for y, x in path.astype(int):
        ink[max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = 1
    pieces = sorted(line_pieces(ink), key=lambda piece: -piece.width)[:1]
    few = line_pieces(written("0404", [6, 6, 6]))
    reader = Shapes()
    found = read_lines([pieces, few, [*few, *pieces]], reader)
    assert text_of(found[1]) == "0404"
    assert reader.asked[1][0] < 1500


# ---- strings of handwritten digits


@pytest.fixture(scope="module")
def mnist():
    return open_data(support.require_data())


@pytest.fixture(scope="module")
def recogniser():
    if not MODEL.exists():
        pytest.skip("there is no model in the package")
    return Recogniser.load()


def test_pages_of_strings_are_the_same_for_a_seed_and_say_what_they_hold(mnist):
    images, labels = mnist.test.images[:, 0], mnist.test.labels
    for spacing in SPACINGS:
        one = string_page(images, labels, np.random.default_rng(3), spacing)
        again = string_page(images, labels, np.random.default_rng(3), spacing)
        np.testing.assert_array_equal(one.pixels, again.pixels)
        assert one.lines == again.lines
        assert one.pixels.shape[0] >= 200
        assert one.pixels.shape[1] >= 600
        assert all(3 <= len(line) <= 10 and line.isdigit() for line in one.lines)


def test_strings_are_as_far_apart_as_their_spacing_says(mnist):
    images, labels = mnist.test.images[:, 0], mnist.test.labels
    pieces = dict.fromkeys(SPACINGS, 0)
    for spacing in SPACINGS:
        for seed in range(20):
            line = string(images, labels, np.random.default_rng(seed), spacing, 40, length=8)
            assert set(np.unique(line.owner)) == set(range(-1, 8))
            assert len(line.text) == 8
            pieces[spacing] += len(line_pieces(line.ink))
    assert pieces["wide"] >= 160
    assert pieces["touching"] < pieces["close"] <= pieces["normal"] <= pieces["wide"]
    assert pieces["touching"] < 100


def test_broken_strings_have_gaps_and_specked_ones_have_more_pieces(mnist):
    images, labels = mnist.test.images[:, 0], mnist.test.labels
    more = {broken: 0, specked: 0}
    for seed in range(20):
        ink = string(images, labels, np.random.default_rng(seed), "normal", 40, length=5).ink
        gaps = broken(ink, np.random.default_rng(seed), 40)
        dots = specked(ink, np.random.default_rng(seed), 40)
        assert (gaps <= ink).all()
        assert 0.8 * ink.sum() < gaps.sum()
        assert (dots >= ink).all()
        assert dots.sum() < 1.2 * ink.sum()
        more[broken] += len(line_pieces(gaps)) - len(line_pieces(ink))
        more[specked] += len(line_pieces(dots)) - len(line_pieces(ink))
    assert min(more.values()) >= 10


def test_groups_to_learn_from_are_digits_and_parts_of_them(mnist):
    images, labels = mnist.train.images[:500, 0], mnist.train.labels[:500]
    inks, classes = string_groups(images, labels, np.random.default_rng(0), 300, none_share=0.5)
    assert len(inks) == len(classes) == 300
    assert (classes >= NONE).sum() == 150
    assert set(classes) == set(range(12))
    again, _ = string_groups(images, labels, np.random.default_rng(0), 300, none_share=0.5)
    assert all(np.array_equal(a, b) for a, b in zip(inks, again, strict=True))


@pytest.fixture(scope="module")
def mistakes(mnist, recogniser):
    """(wrong, written) characters of 30 strings of each spacing, at the reader's threshold."""
    images, labels = mnist.test.images[:, 0], mnist.test.labels
    counts = {}
    for spacing in SPACINGS:
        lines = [
            string(images, labels, np.random.default_rng([11, i]), spacing, 30 + i)
            for i in range(30)
        ]
        found = read_lines([line_pieces(line.ink) for line in lines], recogniser)
        wrong = 0
        for line, digits in zip(lines, found, strict=True):
            read = np.array([one.probabilities for one in digits]).reshape(-1, 12)
            kept = (confidences(read) >= recogniser.threshold) & (no_digit(read) <= 0.5)
            text = text_of([one for one, good in zip(digits, kept, strict=True) if good])
            wrong += edit_distance(text, line.text)
        counts[spacing] = wrong, sum(len(line.text) for line in lines)
    return counts


@pytest.mark.parametrize("spacing", ["wide", "normal", "close"])
def test_strings_of_digits_that_stand_apart_are_read(mistakes, spacing):
    wrong, written = mistakes[spacing]
    assert wrong / written <= 0.03


def test_strings_are_read_whether_their_digits_touch_or_not(mistakes):
    wrong, written = np.sum(list(mistakes.values()), axis=0)
    assert wrong / written <= 0.03


def test_digits_alone_are_not_cut(mnist, recogniser):
    images, labels = mnist.test.images[:1000, 0], mnist.test.labels[:1000]
    lines = [line_pieces(image.astype(np.float32) / 255) for image in images]
    found = read_lines(lines, recogniser)
    assert np.mean([len(line) == 1 for line in found]) >= 0.995
    right = [text_of(line) == str(label) for line, label in zip(found, labels, strict=True)]
    assert np.mean(right) >= 0.99


@pytest.mark.parametrize("text", ["44", "04", "404"])
def test_what_is_no_digit_and_not_several_is_not_cut_apart(text):
    pieces = line_pieces(written(text, [0] * (len(text) - 1)))
    assert text_of(read_lines([pieces], Shapes(SEVERAL))[0]) == text
    found = read_lines([pieces], Shapes(NONE))[0]
    assert all(no_digit(one.probabilities) > 0.5 for one in found)


def test_few_pieces_that_are_digits_are_asked_for_once():
    reader = Shapes()
    found = read_lines([line_pieces(written("404", [9, 9]))], reader)
    assert text_of(found[0]) == "404"
    assert reader.asked == [(3, 16)]


def test_a_number_of_digits_that_is_absurd_is_not_forced():
    found = read_lines([line_pieces(written("404", [9, 9]))], Shapes(), digits=8)
    assert text_of(found[0]) == "404"


def test_priors_can_be_changed():
    never = Priors(sure=1.1, cut=100.0)
    found = read_lines([line_pieces(written("44", [0]))], Shapes(), priors=never)
    assert text_of(found[0]) != "44"
