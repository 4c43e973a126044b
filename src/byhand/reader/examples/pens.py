"""Digits drawn by strokes, in the ways of writing that MNIST's American hands seldom have.

A 1 with a long upstroke and a foot, a crossed 7, a 4 in one sharp stroke, a 9 with a curled tail, a
flat-topped 3, a 0 with a slash: each way is a few strokes through points in a box of height 1, which
are moved at random, joined smoothly or with corners, and drawn with a pen of random width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEIGHT = 64  # pixels of the box's height
_MARGIN = 14
_FINE = 2  # drawn so many times larger, then shrunk: antialiasing
_BETWEEN = 8  # points of a smooth stroke from one given point to the next


@dataclass(frozen=True)
class Stroke:
    """A stroke through points (x, y), y down, in a box of height 1; smooth, or with corners."""

    points: tuple[tuple[float, float], ...]
    smooth: bool = True


def _curve(*points: tuple[float, float]) -> Stroke:
    return Stroke(points)


def _corners(*points: tuple[float, float]) -> Stroke:
    return Stroke(points, smooth=False)


_OVAL = _curve((.35, .0), (.1, .12), (.0, .5), (.1, .88), (.35, 1), (.6, .88), (.7, .5),
               (.6, .12), (.36, .01))  # fmt: skip
_STEM_9 = (
    (0.56, 0.08),
    (0.3, 0.0),
    (0.05, 0.12),
    (0.05, 0.36),
    (0.3, 0.46),
    (0.52, 0.32),
    (0.57, 0.06),
)

# fmt: off
WAYS: dict[int, tuple[tuple[Stroke, ...], ...]] = {
    0: (
        (_OVAL,),
        (_OVAL, _corners((.68, .08), (.04, .92))),
        (_curve((.5, .08), (.2, .02), (.0, .4), (.06, .85), (.35, 1), (.62, .8), (.66, .35), (.45, .04), (.28, .1), (.5, .2), (.75, .1)),),
        (_curve((.55, .1), (.25, .0), (.0, .4), (.08, .88), (.35, 1), (.65, .8), (.68, .35), (.5, .02)),),
    ),
    1: (
        (_corners((.3, 0), (.3, 1)),),
        (_corners((.12, .3), (.42, .0), (.42, 1)),),
        (_corners((-.08, .5), (.42, .0), (.4, 1)),),
        (_corners((-.15, .62), (.42, .0), (.38, 1)),),
        (_corners((.1, .28), (.42, .0), (.42, 1)), _corners((.1, 1), (.75, 1))),
        (_corners((-.08, .48), (.42, .0), (.42, 1)), _corners((.05, 1), (.8, .98))),
        (_curve((-.02, .6), (.25, .35), (.46, .08), (.44, .0), (.36, .12), (.37, .5), (.36, 1)),),
        (_corners((.14, .12), (.42, .0), (.42, 1)), _corners((.18, 1), (.66, 1))),
        (_corners((-.18, .66), (.4, .0), (.36, .97)), _corners((.02, .98), (.72, .94))),
        (_curve((-.1, .78), (.14, .5), (.4, .1), (.42, .0), (.32, .04), (.26, .5), (.3, .94), (.46, 1), (.66, .88)),),
        (_curve((-.1, .56), (.2, .3), (.42, .0)), _curve((.42, .0), (.34, .6), (.36, .98)), _curve((.1, .98), (.36, 1), (.7, .92))),
    ),
    2: (
        (_curve((.05, .22), (.2, .02), (.5, .05), (.55, .3), (.3, .65), (.0, 1)), _corners((.0, 1), (.65, .98))),
        (_curve((.05, .2), (.25, .0), (.52, .1), (.5, .4), (.25, .8), (.05, .97), (.0, .82), (.2, .8), (.45, .97), (.7, .92)),),
        (_curve((.22, .24), (.1, .16), (.25, .0), (.52, .1), (.5, .4), (.25, .8), (.05, .97), (.02, .84), (.2, .82), (.45, .98), (.7, .9)),),
        (_curve((.05, .15), (.3, .0), (.55, .15), (.45, .5), (.05, .98)), _curve((.05, .98), (.35, .9), (.68, 1))),
        (_corners((.02, .03), (.58, .0), (.02, 1), (.62, .98)),),
        (_curve((.26, .3), (.12, .34), (.06, .16), (.28, .0), (.54, .12), (.5, .42), (.26, .76), (.02, .98)), _corners((.02, .98), (.7, .97))),
        (_curve((.36, .3), (.2, .38), (.08, .24), (.24, .02), (.54, .06), (.56, .36), (.3, .78), (.08, .98), (-.02, .86), (.16, .8), (.44, .96), (.74, .9)),),
    ),
    3: (
        (_curve((.04, .12), (.3, .0), (.54, .14), (.48, .36), (.2, .46), (.52, .58), (.56, .82), (.3, 1), (.0, .9)),),
        (_corners((.02, .02), (.58, .0), (.24, .4)), _curve((.24, .4), (.52, .48), (.6, .72), (.4, .97), (.0, .95))),
        (_curve((.06, .06), (.4, .02), (.5, .2), (.3, .42)), _curve((.3, .42), (.56, .5), (.58, .8), (.3, 1), (.0, .84))),
        (_curve((.1, .16), (.3, .0), (.52, .14), (.4, .4), (.22, .46), (.3, .4), (.56, .6), (.5, .92), (.2, 1), (.02, .86)),),
    ),
    4: (
        (_corners((.22, .0), (.0, .58), (.66, .56)), _corners((.46, .28), (.42, 1))),
        (_corners((.46, .0), (.0, .66), (.68, .66)), _corners((.47, .0), (.46, 1))),
        (_corners((.32, .0), (.0, .56), (.56, .44), (.4, 1)),),
        (_corners((.3, .0), (.04, .5), (.52, .46), (.3, 1)),),
        (_corners((.05, .0), (.04, .5), (.56, .46)), _corners((.56, .0), (.54, 1))),
        (_curve((.08, .02), (.02, .42), (.26, .52), (.56, .36)), _corners((.58, .02), (.52, 1))),
        (_curve((.3, .0), (.12, .3), (.0, .58), (.2, .56), (.66, .54)), _corners((.44, .34), (.36, 1))),
        (_curve((.38, .0), (.1, .26), (.0, .5), (.18, .54), (.54, .42)), _corners((.54, .42), (.36, 1))),
        (_curve((.44, .0), (.2, .26), (.02, .54), (.1, .6), (.38, .5), (.52, .46)), _curve((.52, .46), (.46, .7), (.34, 1))),
        (_curve((.5, .0), (.16, .2), (.0, .46), (.12, .6), (.46, .46), (.5, .5), (.46, .8), (.36, 1)),),
        (_corners((.42, .0), (.0, .6), (.5, .5), (.4, .98), (.5, .92)),),
        (_curve((.2, .0), (.04, .36), (.06, .52), (.3, .52), (.62, .4)), _curve((.5, .16), (.42, .6), (.32, 1))),
    ),
    5: (
        (_corners((.1, .0), (.06, .42)), _curve((.06, .42), (.36, .36), (.58, .6), (.46, .92), (.16, 1), (.0, .9)), _corners((.1, .0), (.6, .0))),
        (_corners((.6, .0), (.12, .02), (.06, .44)), _curve((.06, .44), (.36, .38), (.56, .62), (.42, .94), (.0, .98))),
        (_curve((.58, .02), (.2, .02), (.08, .3), (.3, .44), (.54, .66), (.4, .94), (.0, .96)),),
        (_curve((.1, .08), (.06, .42), (.36, .38), (.58, .62), (.44, .93), (.0, .96)), _corners((.14, .05), (.66, -.03))),
        (_curve((.14, .1), (.1, .44), (.4, .42), (.56, .66), (.4, .96), (.02, .92)), _corners((.24, .02), (.6, .0))),
        (_curve((.1, .06), (.14, .4), (.44, .44), (.56, .7), (.36, .97), (.0, .9)),),
        (_curve((.12, .14), (.1, .42), (.36, .38), (.58, .62), (.44, .93), (.0, .96)), _corners((.2, .06), (.42, .02))),
        (_curve((.2, .04), (.14, .22), (.1, .4), (.3, .36), (.54, .5), (.54, .8), (.28, 1), (.0, .92)), _corners((.22, .06), (.68, .0))),
    ),
    6: (
        (_curve((.5, .0), (.2, .28), (.02, .66), (.14, .96), (.42, .96), (.54, .72), (.34, .56), (.06, .7)),),
        (_curve((.2, .0), (.06, .4), (.02, .8), (.22, 1), (.52, .86), (.46, .6), (.2, .58), (.04, .76)),),
        (_curve((.6, .06), (.3, .04), (.04, .42), (.06, .86), (.32, 1), (.56, .82), (.46, .56), (.2, .56), (.06, .74)),),
        (_curve((.46, .0), (.12, .5), (.08, .88), (.26, .98), (.42, .84), (.32, .7), (.12, .8)),),
    ),
    7: (
        (_corners((.0, .02), (.58, .0), (.22, 1)),),
        (_corners((.0, .02), (.58, .0), (.22, 1)), _corners((.08, .5), (.62, .48))),
        (_corners((.02, .14), (.04, .02), (.6, .0), (.24, 1)), _corners((.1, .54), (.6, .5))),
        (_curve((.0, .1), (.2, .0), (.42, .06), (.6, .02)), _curve((.6, .02), (.4, .4), (.26, 1)), _corners((.06, .52), (.64, .5))),
        (_corners((.02, .02), (.56, .0), (.24, 1)), _corners((.02, .62), (.66, .56))),
        (_corners((.0, .18), (.02, .02), (.56, .02), (.4, 1)),),
        (_curve((.0, .14), (.14, .02), (.36, .1), (.58, .0)), _curve((.58, .0), (.36, .46), (.26, 1))),
        (_corners((.02, .04), (.56, .0), (.2, 1)), _corners((-.06, .74), (.5, .6))),
        (_curve((.0, .16), (.1, .02), (.36, .06), (.58, .02)), _curve((.58, .02), (.3, .56), (.2, 1)), _corners((-.02, .66), (.62, .62))),
        (_curve((.0, .12), (.16, .02), (.4, .06), (.6, .0)), _curve((.6, .0), (.36, .44), (.2, .94), (.3, 1), (.44, .96)), _corners((.08, .5), (.6, .48))),
        (_corners((.02, .04), (.6, .0), (.2, .98)), _corners((.0, .98), (.42, .98)), _corners((.1, .5), (.58, .48))),
    ),
    8: (
        (_curve((.5, .12), (.26, .0), (.06, .2), (.3, .46), (.56, .74), (.3, 1), (.02, .78), (.28, .48), (.5, .2), (.46, .08)),),
        (_curve((.28, .0), (.06, .1), (.08, .36), (.28, .45), (.5, .36), (.52, .1), (.28, .0)), _curve((.28, .45), (.02, .62), (.04, .9), (.28, 1), (.54, .9), (.55, .62), (.28, .45))),
        (_curve((.6, .04), (.28, .02), (.1, .2), (.36, .46), (.56, .76), (.3, 1), (.04, .8), (.3, .48), (.64, .06)),),
    ),
    9: (
        (_curve(*_STEM_9), _corners((.57, .06), (.5, 1))),
        (_curve(*_STEM_9), _curve((.57, .06), (.56, .6), (.4, .96), (.0, .9))),
        (_curve(*_STEM_9), _curve((.57, .06), (.58, .6), (.42, .98), (.1, 1), (-.02, .84))),
        (_curve((.5, .12), (.24, .0), (.02, .2), (.2, .44), (.5, .26), (.54, .04), (.54, .6), (.34, .97), (.0, .94), (-.06, .84)),),
        (_curve((.46, .14), (.2, .02), (.04, .24), (.24, .42), (.46, .24), (.48, .12), (.52, .56), (.36, .94), (.1, 1), (.0, .84), (.24, .78), (.6, .74)),),
        (_curve((.52, .1), (.34, .0), (.18, .1), (.2, .26), (.36, .3), (.52, .18), (.54, .08)), _corners((.54, .06), (.4, 1))),
        (_curve((.54, .04), (.2, .02), (.02, .26), (.22, .46), (.5, .3)), _curve((.54, .04), (.56, .56), (.4, .95), (.0, .96))),
        (_curve((.5, .12), (.3, .0), (.08, .08), (.12, .3), (.36, .36), (.5, .2), (.52, .1), (.5, .5), (.34, .8), (.1, .96), (-.1, .9), (.05, .82), (.6, .9)),),
        (_curve((.54, .16), (.36, .0), (.1, .04), (.08, .26), (.3, .38), (.52, .34)), _curve((.54, .16), (.5, .5), (.4, .84), (.12, 1), (-.06, .9))),
        (_curve((.5, .1), (.4, .0), (.28, .06), (.28, .2), (.4, .24), (.5, .14), (.51, .06)), _corners((.51, .06), (.36, 1))),
        (_curve((.5, .14), (.32, .0), (.1, .06), (.08, .26), (.28, .36), (.48, .26), (.52, .1)), _curve((.52, .1), (.54, .5), (.44, .82), (.2, .98), (.0, .94), (-.02, .84), (.18, .84), (.46, .9))),
        (_curve((.48, .06), (.3, .0), (.2, .1), (.24, .2), (.4, .18), (.5, .06)), _curve((.5, .06), (.48, .4), (.34, 1))),
        (_curve((.5, .22), (.24, .36), (.06, .2), (.24, .02), (.5, .08), (.56, .4), (.46, .84), (.2, 1), (.04, .92)),),
    ),
}
# fmt: on


def drawn_digits(
    rng: np.random.Generator, n: int
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Draw n digits: their ink, 0 to 255, (h, w) each, and their labels, (n,).

    Every digit and every way of writing it is equally likely.
    """
    labels = rng.integers(10, size=n)
    inks = [draw(WAYS[label][rng.integers(len(WAYS[label]))], rng) for label in labels]
    return inks, labels


def draw(strokes: tuple[Stroke, ...], rng: np.random.Generator) -> NDArray[np.uint8]:
    """One digit in one way: points moved, widened, slanted and turned; a pen of random width."""
    from PIL import Image, ImageDraw

    jitter = rng.uniform(0.01, 0.05)
    width = rng.uniform(0.6, 1.5)
    slant, angle = rng.normal(0.1, 0.25), rng.normal(0, 0.1)
    c, s = np.cos(angle), np.sin(angle)
    about = np.array([[c, -s], [s, c]]) @ np.array([[width, -slant], [0, 1.0]])
    paths = []
    for stroke in strokes:
        points = np.array(stroke.points) + rng.normal(0, jitter, (len(stroke.points), 2))
        paths.append((_smooth(points) if stroke.smooth else points) @ about.T)
    every = np.concatenate(paths)
    low, high = every.min(axis=0), every.max(axis=0)
    scale = HEIGHT * _FINE / max(float(np.max(high - low)), 1e-6)
    margin = _MARGIN * _FINE
    size = np.ceil((high - low) * scale).astype(int) + 2 * margin
    pen = rng.uniform(2.0, 10.0) * _FINE
    canvas = Image.new("L", (int(size[0]), int(size[1])))
    ink = ImageDraw.Draw(canvas)
    for path in paths:
        places = [(float(x), float(y)) for x, y in (path - low) * scale + margin]
        ink.line(places, fill=255, width=round(pen), joint="curve")
        for x, y in (places[0], places[-1]):
            ink.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    return np.asarray(canvas.reduce(_FINE))


def _smooth(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve through the points: Catmull and Rom's spline, uniform."""
    ends = np.concatenate([points[:1] * 2 - points[1:2], points, points[-1:] * 2 - points[-2:-1]])
    before, start, end, after = ends[:-3], ends[1:-2], ends[2:-1], ends[3:]
    t = np.linspace(0, 1, _BETWEEN, endpoint=False)[:, None, None]
    curve = 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )  # (between, segments, 2)
    joined: NDArray[np.float64] = curve.transpose(1, 0, 2).reshape(-1, 2)
    return np.concatenate([joined, points[-1:]])
