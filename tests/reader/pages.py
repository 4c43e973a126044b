"""Pages of digits drawn for tests: paper, pen, rules, light, noise, skew; and what stands where."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFont


@dataclass(frozen=True)
class Style:
    """How a page looks.

    Args:
        size: (width, height) in pixels.
        paper, ink: RGB.
        pressure: ink's share of its full strength (0 to 1), as with pencil.
        height: of digits, in pixels.
        gap: between digits, relative to their height.
        rules: None, "lines" (ruled paper), "squares" (squared paper) or "table" (a frame a line).
        rule: RGB of rules.
        rule_width: of rules, in pixels.
        shadow: how much of the light a hard shadow takes.
        fall: how much darker the light is in one corner than in the other.
        border: width in pixels of a dark table around the page.
        noise: the standard deviation of the grain, in grey levels.
        jpeg: quality, 0 for none.
        skew: degrees clockwise.
        turn: degrees clockwise by which the page lies turned (0, 90, 180, 270).
    """

    size: tuple[int, int] = (800, 600)
    paper: tuple[int, int, int] = (235, 232, 225)
    ink: tuple[int, int, int] = (40, 42, 60)
    pressure: float = 1.0
    height: float = 44
    gap: float = 0.35
    rules: str | None = None
    rule: tuple[int, int, int] = (150, 170, 205)
    rule_width: float = 1.5
    shadow: float = 0.0
    fall: float = 0.0
    border: int = 0
    noise: float = 0.0
    jpeg: int = 0
    skew: float = 0.0
    turn: int = 0


@dataclass(frozen=True, eq=False)
class Drawn:
    """A drawn page.

    Args:
        pixels: (H, W, 3) uint8.
        lines: the labels, line by line.
        owners: (H, W) which digit's ink is where: 0 none, 1 the first of all the lines, ...
        ink: (H, W) float32, the ink of digits alone, 0 to 1.
    """

    pixels: np.ndarray
    lines: list[str]
    owners: np.ndarray
    ink: np.ndarray


def glyphs(font: str = "DejaVuSans.ttf", size: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """(10, 28, 28) uint8 printed digits as MNIST has them, and their labels; needs no data."""
    import matplotlib

    path = f"{matplotlib.get_data_path()}/fonts/ttf/{font}"
    face = ImageFont.truetype(path, size)
    pictures = []
    for digit in "0123456789":
        left, top, right, bottom = face.getbbox(digit)
        drawn = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(drawn).text((-left, -top), digit, fill=255, font=face)
        width = max(1, round(20 * drawn.width / drawn.height))
        picture = Image.new("L", (28, 28))
        picture.paste(drawn.resize((width, 20), Image.Resampling.BOX), ((28 - width) // 2, 4))
        pictures.append(np.asarray(picture))
    return np.stack(pictures), np.arange(10)


def draw(rng, images, labels, counts=(6, 5, 7), style=Style()) -> Drawn:
    """A page with so many digits a line, drawn from `images` ((n, 28, 28), white on black)."""
    wide, high = style.size
    ink, owners = np.zeros((high, wide), np.float32), np.zeros((high, wide), np.int32)
    pitch = high / (len(counts) + 1)
    texts, boxes, number = [], [], 0
    for row, count in enumerate(counts):
        text, x = "", style.border + wide * 0.08 * (1 + rng.random())
        baseline = pitch * (row + 1) + style.height / 2
        for _ in range(count):
            i = int(rng.integers(len(images)))
            tall = style.height * rng.uniform(0.85, 1.15)
            digit = _scaled(images[i], tall)
            h, w = digit.shape
            y = int(baseline - h + rng.normal(0, 0.05) * style.height)
            if x + w > wide - style.border - 4:
                break
            number += 1
            part = np.s_[y : y + h, int(x) : int(x) + w]
            owners[part] = np.where(digit > np.maximum(ink[part], 0.1), number, owners[part])
            ink[part] = np.maximum(ink[part], digit)
            boxes.append((x, y, w, h))
            x += w + style.gap * style.height * rng.uniform(0.7, 1.3)
            text += str(labels[i])
        texts.append(text)
    rules = _rules(style, boxes, pitch, len(counts))
    if style.skew:
        ink, rules = (_turned(a, style.skew, Image.Resampling.BICUBIC) for a in (ink, rules))
        owners = _turned(owners, style.skew, Image.Resampling.NEAREST)
    pixels = _coloured(rng, style, ink.clip(0, 1), rules.clip(0, 1))
    quarters = -(style.turn // 90)
    pixels, owners, ink = (np.rot90(a, quarters) for a in (pixels, owners, ink))
    return Drawn(np.ascontiguousarray(pixels), texts, owners, ink)


def _scaled(picture: np.ndarray, height: float) -> np.ndarray:
    """A digit cut out and scaled to a height (in its 20×20 box), 0 to 1."""
    rows, columns = (np.flatnonzero(picture.max(axis) > 30) for axis in (1, 0))
    cut = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = height / 20
    size = (max(2, round(cut.shape[1] * scale)), max(2, round(cut.shape[0] * scale)))
    large = Image.fromarray(cut).resize(size, Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / 255


def _rules(style: Style, boxes, pitch: float, rows: int) -> np.ndarray:
    """The rules' ink, 0 to 1."""
    wide, high = style.size
    fine = 4
    canvas = Image.new("L", (wide, high))
    if style.rules is None:
        return np.asarray(canvas, np.float32) / 255
    large = Image.new("L", (wide * fine, high * fine))
    pen = ImageDraw.Draw(large)

    def line(x0, y0, x1, y1):
        ends = [v * fine for v in (x0, y0, x1, y1)]
        pen.line(ends, fill=255, width=max(1, round(style.rule_width * fine)))

    if style.rules in ("lines", "squares"):
        step = pitch / 2 if style.rules == "lines" else style.height * 0.6
        for i in range(1, int(high / step) + 1):
            line(0, i * step, wide, i * step)
        if style.rules == "squares":
            for i in range(1, int(wide / step) + 1):
                line(i * step, 0, i * step, high)
    else:
        left, right = 0.06 * wide, 0.94 * wide
        for i in range(rows + 1):
            line(left, pitch * (i + 0.5), right, pitch * (i + 0.5))
        for x in (left, right):
            line(x, pitch / 2, x, pitch * (rows + 0.5))
    return np.asarray(large.resize((wide, high), Image.Resampling.BOX), np.float32) / 255


def _turned(plane: np.ndarray, degrees: float, resampling) -> np.ndarray:
    mode = np.int32 if plane.dtype == np.int32 else np.float32
    return np.asarray(Image.fromarray(plane.astype(mode)).rotate(-degrees, resampling))


def _coloured(rng, style: Style, ink: np.ndarray, rules: np.ndarray) -> np.ndarray:
    """The page in colours, in its light, through its camera."""
    high, wide = ink.shape
    page = np.empty((high, wide, 3), np.float32)
    page[:] = style.paper
    page += rules[..., None] * (np.array(style.rule, np.float32) - page)
    page += style.pressure * ink[..., None] * (np.array(style.ink, np.float32) - page)
    if style.border:
        b = style.border
        table = np.ones((high, wide), bool)
        table[b : high - b, b : wide - b] = False
        page[table] = (45, 38, 33)
    down, right = np.mgrid[0:high, 0:wide].astype(np.float32)
    light = 1 - style.fall * (down / high + right / wide) / 2
    # The sun and the lamp are no points: a shadow's edge is a few pixels wide.
    beyond = (0.8 * (right - wide * 0.45) + down - high * 0.5) / (0.008 * wide)
    light *= 1 - style.shadow * beyond.clip(0, 1)
    page *= light[..., None]
    if style.noise:
        grain = rng.normal(0, style.noise, (high, wide, 1)) + rng.normal(
            0, 0.5 * style.noise, (high, wide, 3)
        )
        page += grain.astype(np.float32)
    pixels = page.clip(0, 255).astype(np.uint8)
    if style.jpeg:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "JPEG", quality=style.jpeg)
        pixels = np.asarray(Image.open(buffer))
    return pixels


PLAIN = Style()
# The kinds of pages that a reader must stand, by name.
STYLES = {
    "plain": PLAIN,
    "white on black": replace(PLAIN, paper=(0, 0, 0), ink=(255, 255, 255)),
    "chalk": replace(PLAIN, paper=(45, 70, 58), ink=(215, 220, 210), noise=5, pressure=0.8),
    "blue on yellow": replace(PLAIN, paper=(226, 219, 62), ink=(58, 76, 132), noise=4, jpeg=75),
    "red on white": replace(PLAIN, ink=(215, 60, 70), noise=4, jpeg=80),
    "faint pencil": replace(PLAIN, ink=(120, 120, 120), pressure=0.45, noise=4, jpeg=85),
    "dark photograph": replace(
        PLAIN, paper=(85, 82, 72), ink=(48, 46, 42), noise=5, jpeg=60, height=60
    ),
    "hard shadow": replace(PLAIN, shadow=0.45, fall=0.3, noise=4, jpeg=80),
    "ruled": replace(PLAIN, rules="lines", noise=4, jpeg=85),
    "ruled dark": replace(PLAIN, rules="lines", rule=(90, 90, 110), rule_width=2, noise=3),
    "ruled skewed": replace(PLAIN, rules="lines", skew=3.5, noise=4, jpeg=85),
    "squared": replace(PLAIN, rules="squares", noise=3, jpeg=85),
    "squared skewed": replace(PLAIN, rules="squares", noise=3, skew=-4, shadow=0.3),
    "table": replace(PLAIN, rules="table", rule=(30, 30, 30), rule_width=2.5, noise=3),
    "border": replace(PLAIN, border=22, fall=0.25, noise=4, jpeg=80),
    "border skewed": replace(PLAIN, border=40, skew=2, noise=4, jpeg=80),
    "noisy": replace(PLAIN, noise=16, jpeg=50),
    "skewed": replace(PLAIN, skew=11, size=(900, 800)),
    "small": replace(PLAIN, height=20, size=(420, 300), noise=3, jpeg=85),
    "large": replace(PLAIN, height=190, size=(2000, 1400), noise=6, jpeg=80),
    "bold": replace(PLAIN, height=60, gap=0.2),
}
