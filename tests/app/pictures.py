"""Drawings to send: digits drawn by strokes, as files and as the network sees them."""

from __future__ import annotations

import base64
from io import BytesIO

import numpy as np
from PIL import Image

from byhand.reader.examples import pens
from byhand.reader.normalise import normalise


def drawn(*digits, side=100, gap=20):
    """Digits side by side, dark on white: (H, W) uint8."""
    inks = [pens.draw(pens.WAYS[digit][0], np.random.default_rng(digit)) for digit in digits]
    tall = max(ink.shape[0] for ink in inks)
    padded = [np.pad(ink, ((0, tall - ink.shape[0]), (gap, gap))) for ink in inks]
    return 255 - np.concatenate(padded, axis=1)


def png(pixels):
    written = BytesIO()
    Image.fromarray(pixels).save(written, "PNG")
    return written.getvalue()


def data_url(pixels):
    return "data:image/png;base64," + base64.b64encode(png(pixels)).decode()


def seen(digit):
    """28×28 as the network sees it, in base64."""
    return base64.b64encode(normalise(255 - drawn(digit)).tobytes()).decode()


def array(value):
    """What the server sends as {shape, type, data}."""
    kind = {"float32": "<f4", "uint8": "u1"}[value["type"]]
    return np.frombuffer(base64.b64decode(value["data"]), kind).reshape(value["shape"])
