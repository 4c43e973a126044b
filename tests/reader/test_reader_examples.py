"""What the reader learns from besides MNIST: printed digits, and all that is no digit."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest

from byhand.errors import DownloadError, InputError, ShapeError
from byhand.reader.examples import __main__ as command
from byhand.reader.examples import fonts, glyphs, scribbles, testing, textures
from byhand.reader.examples.parts import parts
from byhand.reader.examples.pen import draw, lying, smooth
from byhand.reader.recognise import NONE, SEVERAL


@pytest.fixture(scope="module")
def faces():
    """Fonts that are on every machine; what is drawn from fetched ones is drawn the same way."""
    return fonts.matplotlib_fonts()


def digits(n_each=4):
    """Rings, bars and the like in place of digits: (N, 28, 28) white on black, and labels."""
    rng = np.random.default_rng(5)
    images = np.zeros((10 * n_each, 28, 28), np.uint8)
    for image in images:
        stroke = smooth(rng.uniform(6, 22, (4, 2)))
        image[:] = draw([stroke, np.array([[6.0, 5], [20, 22]])], (28, 28), 2.5)
    return images, np.repeat(np.arange(10), n_each)


KINDS = {
    "digits": lambda rng, n, faces: glyphs.digit_glyphs(faces, rng, n)[0],
    "letters": lambda rng, n, faces: glyphs.letter_glyphs(faces, rng, n),
    "scribbles": lambda rng, n, faces: scribbles.scribbles(rng, n),
    "textures": lambda rng, n, faces: textures.textures(rng, n),
    "parts": lambda rng, n, faces: parts(*digits(), rng, n)[0],
}


@pytest.mark.parametrize("kind", KINDS)
def test_as_many_as_are_asked_for_are_drawn_and_the_same_seed_draws_the_same(kind, faces):
    first, again, other = (
        KINDS[kind](np.random.default_rng(seed), 60, faces) for seed in (1, 1, 2)
    )
    assert len(first) == 60
    assert all(a.dtype == np.uint8 and a.ndim == 2 and min(a.shape) > 0 for a in first)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "textures"])
def test_every_example_has_ink_and_paper(kind, faces):
    for ink in KINDS[kind](np.random.default_rng(3), 150, faces):
        assert ink.max() > 120
        assert ink.min() < 100 or ink.size < 600  # a dash or a piece fills its crop


def test_textures_are_sometimes_blank_and_seldom():
    blank = [not ink.any() for ink in textures.textures(np.random.default_rng(0), 600)]
    assert 1 <= sum(blank) < 60


def test_printed_digits_come_with_their_labels(faces):
    drawn, labels = glyphs.digit_glyphs(faces, np.random.default_rng(0), 400)
    assert set(labels.tolist()) == set(range(10))
    solid = {digit: [] for digit in range(10)}
    for ink, label in zip(drawn, labels, strict=True):
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        solid[int(label)].append(np.ptp(columns) / np.ptp(rows))
    narrow = {digit: np.mean(ratios) for digit, ratios in solid.items()}
    assert min(narrow, key=narrow.get) == 1


def test_letters_shaped_like_digits_are_never_drawn(faces, monkeypatch):
    drawn = []

    def remember(face, text):
        drawn.append(text)
        return np.full((9, 9), 255, np.uint8)

    monkeypatch.setattr(glyphs, "_rendered", remember)
    monkeypatch.setattr(glyphs, "_has", lambda face, letter: True)
    monkeypatch.setattr(glyphs, "_alike", lambda face, one, other: False)
    glyphs.letter_glyphs(faces, np.random.default_rng(0), 3000)
    singles = {text for text in drawn if len(text) == 1}
    assert len("BDGIOQSZbgiloqsz") == 16
    assert not singles & set("BDGIOQSZbgiloqsz0123456789|/\\°")
    assert set("ACEFHJKLMNPRTUVWXYacdefhjkmnprtuvwxy") <= singles


def test_a_small_d_that_is_drawn_as_a_capital_is_left_out(faces, tmp_path):
    sans = next(str(face) for face in faces if face.name == "DejaVuSans.ttf")
    assert glyphs._alike(sans, "x", "X")
    assert not glyphs._alike(sans, "d", "D")


def test_a_letter_that_a_font_lacks_is_not_drawn(faces):
    modern = next(face for face in faces if face.name == "cmr10.ttf")
    assert glyphs.draw_text(modern, "A") is not None
    assert glyphs.draw_text(modern, "가") is None


@pytest.mark.parametrize(
    "kind", sorted(scribbles.KINDS, key=lambda f: f.__name__), ids=lambda f: f.__name__
)
def test_no_kind_of_scribble_is_one_straight_upright_stroke(kind):
    for seed in range(12):
        ink = scribbles.render(kind(np.random.default_rng(seed)), np.random.default_rng(seed))
        rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
        box = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.shape[0] < 3 * box.shape[1] or box.mean() < 170


def test_what_stands_tall_and_filled_is_laid_on_its_side():
    bar = np.zeros((40, 30), np.uint8)
    bar[4:36, 10:18] = 255
    assert lying(bar).shape == (30, 40)
    assert lying(bar.T).shape == (30, 40)
    ring = np.zeros((40, 30), np.uint8)
    ring[4:36, 8:20] = 255
    ring[6:34, 10:18] = 0
    assert lying(ring).shape == (40, 30)


def test_the_pen_draws_where_it_is_led_and_a_dot_for_one_point():
    ink = draw([np.array([[5.0, 10.0], [35.0, 10.0]])], (20, 40), 3)
    assert ink[10, 6:34].min() > 200
    assert not ink[:7].any()
    assert not ink[14:].any()
    dot = draw([np.array([[10.0, 10.0]])], (20, 20), 6)
    assert abs(dot.sum() / 255 - np.pi * 9) < 5


def test_a_smooth_stroke_goes_through_its_points():
    points = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [4.0, 4.0]])
    curve = smooth(points, steps=8)
    np.testing.assert_allclose(curve[::8], points)


def test_digits_together_are_wider_than_one():
    images, labels = digits()
    made, classes = parts(images, labels, np.random.default_rng(0), 400)
    wide = np.array([ink.shape[1] > 1.2 * ink.shape[0] for ink in made])
    assert set(classes.tolist()) == {NONE, SEVERAL}
    assert wide[classes == SEVERAL].mean() > 0.6 > 0.4 > wide[classes == NONE].mean()


def test_parts_say_what_they_need():
    images, labels = digits()
    with pytest.raises(ShapeError, match=r"\(40, 1, 28, 28\)"):
        parts(images[:, None], labels, np.random.default_rng(0), 1)
    with pytest.raises(InputError, match="no picture shows \\[7\\]"):
        parts(images, np.where(labels == 7, 1, labels), np.random.default_rng(0), 1)


def test_pictures_for_testing_keep_their_shares_and_their_sizes():
    pictures, kinds = testing.nondigits_for_testing(200, seed=4)
    assert {kind: kinds.count(kind) for kind in testing.SHARES} == {
        "letter": 100, "scribble": 40, "texture": 30, "noise": 20, "blank": 10,
    }  # fmt: skip
    assert all(p.dtype == np.uint8 and p.ndim == 2 for p in pictures)
    assert all(min(p.shape) >= 28 and max(p.shape) <= 100 for p in pictures)
    drawn = [p for p, kind in zip(pictures, kinds, strict=True) if kind in ("letter", "scribble")]
    assert min(np.ptp(p) for p in drawn) > 60
    bright = np.mean([np.median(p) > 128 for p in drawn])
    assert 0.25 < bright < 0.75  # dark on light and light on dark


def test_pictures_for_testing_follow_from_their_seed():
    first, again, other = (testing.nondigits_for_testing(40, seed)[0] for seed in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_no_pictures_is_an_error_and_not_an_empty_list():
    with pytest.raises(InputError, match="at least 1"):
        testing.nondigits_for_testing(0)


def test_the_fonts_to_test_on_are_no_fonts_to_learn_from(faces, tmp_path):
    assert len(faces) >= 10
    assert not set(fonts.TEST_PACKAGES) & set(fonts.PACKAGES)
    families = ("dejavu", "vera", "stix", "cmu", "lmodern", "hack", "verana", "arkpandora")
    assert not [p for p in fonts.PACKAGES for family in families if family in p]
    assert len(set(fonts.PACKAGES)) == len(fonts.PACKAGES)


def test_fonts_without_letters_or_digits_clones_and_copies_are_left_out(faces, tmp_path):
    place = tmp_path / fonts.PACKAGES[0]
    place.mkdir()
    sans = next(face for face in faces if face.name == "DejaVuSans.ttf").read_bytes()
    for name in ("One.ttf", "One.otf", "Faces[wght].ttf", "LiberationSerif-Bold.ttf", "b.TTF"):
        (place / name).write_bytes(sans)
    signs = faces[0].parent / "STIXSizOneSymReg.ttf"
    (place / "Signs.ttf").write_bytes(signs.read_bytes())
    (place / "Broken.ttf").write_bytes(sans[:2000])
    (place / "README").write_text("no font")
    # Another package's fonts are none of these.
    (tmp_path / "fonts-else").mkdir()
    (tmp_path / "fonts-else" / "Else.ttf").write_bytes(sans)
    assert [face.name for face in fonts.training_fonts(tmp_path)] == ["One.otf", "b.TTF"]


def test_an_empty_folder_says_how_to_fill_it(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="BYHAND_FONTS"):
        fonts.training_fonts(tmp_path)
    monkeypatch.setenv("BYHAND_FONTS", str(tmp_path / "mine"))
    assert fonts.fonts_folder() == tmp_path / "mine"
    monkeypatch.delenv("BYHAND_FONTS")
    assert fonts.fonts_folder() == tmp_path / "cache" / "fonts"  # BYHAND_CACHE, from conftest


def test_without_apt_the_error_names_the_packages_and_the_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(fonts.shutil, "which", lambda program: None)
    with pytest.raises(InputError, match=r"apt-get.*fonts-a, fonts-b into .*here"):
        fonts.fetch_fonts(tmp_path / "here", ("fonts-a", "fonts-b"))


@pytest.fixture
def archive(monkeypatch, faces):
    """In place of apt-get and dpkg-deb: two packages that exist, each with a font in it."""
    asked = []

    def run(command, cwd=None, **_):
        done = subprocess.CompletedProcess(command, 0, "", "")
        if command[0] == "apt-get":
            names = command[3:]
            asked.append(names)
            if set(names) - {"fonts-a", "fonts-b"}:
                return subprocess.CompletedProcess(command, 100, "", "E: Unable to locate package")
            for name in names:
                (cwd / f"{name}_1.0_all.deb").write_bytes(b"")
        else:
            inner = command[3] / "usr" / "share" / "fonts"
            inner.mkdir(parents=True)
            (inner / "Face.ttf").write_bytes(faces[0].read_bytes())
            (inner / "Face.pfb").write_bytes(b"")
        return done

    monkeypatch.setattr(fonts.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(fonts.subprocess, "run", run)
    return asked


def test_fetched_fonts_lie_in_a_folder_for_each_package_and_are_fetched_once(archive, tmp_path):
    found = fonts.fetch_fonts(tmp_path, ("fonts-a", "fonts-b"))
    assert found == [tmp_path / "fonts-a" / "Face.ttf", tmp_path / "fonts-b" / "Face.ttf"]
    assert fonts.fetch_fonts(tmp_path, ("fonts-a", "fonts-b")) == found
    assert archive == [["fonts-a", "fonts-b"]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fonts-a", "fonts-b"]


def test_a_package_that_is_no_more_is_passed_over_and_named(archive, tmp_path):
    found = fonts.fetch_fonts(tmp_path, ("fonts-a", "fonts-gone"))
    assert found == [tmp_path / "fonts-a" / "Face.ttf"]
    assert fonts.missing_packages(tmp_path, ("fonts-a", "fonts-gone")) == ["fonts-gone"]


def test_when_nothing_can_be_had_the_reason_is_told(archive, tmp_path):
    with pytest.raises(DownloadError, match="Unable to locate package"):
        fonts.fetch_fonts(tmp_path, ("fonts-gone",))


def test_the_command_says_where_the_fonts_are_and_what_is_missing(
    archive, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BYHAND_FONTS", str(tmp_path))
    assert command.main() == 1
    assert "Unable to locate package" in capsys.readouterr().err
    place = tmp_path / fonts.PACKAGES[0]
    place.mkdir()
    (place / "Face.ttf").write_bytes(fonts.matplotlib_fonts()[0].read_bytes())
    monkeypatch.setattr(command, "fetch_fonts", lambda: None)
    assert command.main() == 0
    told = capsys.readouterr()
    assert told.out == f"1 faces to learn from in {tmp_path}\n"
    assert fonts.PACKAGES[1] in told.err
    assert f" {fonts.PACKAGES[0]}," not in told.err
