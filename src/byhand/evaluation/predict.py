"""Pictures in any layout to the probabilities of their classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import checks, kernels
from byhand.data import Standardisation, standardised
from byhand.data.arrays import plain_array
from byhand.errors import ByhandError, InputError, ShapeError
from byhand.nn import Layer
from byhand.nn.layer import forward, layout_for

Shape = tuple[int, ...]
Pictures = NDArray[Any] | Sequence[Any]  # a sequence is one of pictures


def predict(
    model: Layer, images: Pictures, batch_size: int = 500, layout: str = "auto"
) -> NDArray[np.float32]:
    """Read pictures: how probable each class is for each.

    Args:
        model: gives logits (N, classes); `model.card` says what pictures it takes.
        images: white on black, uint8 from 0 to 255 or floats from 0 to 1; for a model of pictures
            (C, H, W) an array of shape (N, C, H, W), (N, H, W, C), (N, C*H*W), one picture
            (C, H, W), (H, W, C), (C*H*W,), for one channel also (N, H, W) and (H, W); or a
            sequence of single pictures.
        batch_size: pictures at a time, which bounds the memory.
        layout: the arithmetic, as in `kernels.as_layout`.

    Returns:
        Probabilities (N, classes), float32, each row summing to 1: softmax of the logits.

    Raises:
        ShapeError: the pictures have another size or type than the model takes.
        InputError: values are outside 0..1 or are NaN; batch_size is below 1.
        ByhandError: the model's own outputs are not finite.
    """
    return probabilities_of(logits(model, images, batch_size, layout))


def logits(
    model: Layer, images: Pictures, batch_size: int = 500, layout: str = "auto"
) -> NDArray[np.float32]:
    """What the model gives before softmax, (N, classes); the arguments are those of `predict`.

    The outputs are given as they are, also where they are not finite.

    Raises:
        ShapeError, InputError: as `predict`.
    """
    checks.instance("model", model, Layer, "a model of byhand.nn, as byhand.load gives it")
    batch_size = checks.whole("batch_size", batch_size, 1)
    card = model.card
    x = as_pictures(images, card.image_shape)
    standardisation = card.standardisation or Standardisation.unit(card.image_shape[0])
    outputs = np.empty((len(x), len(card.classes)), np.float32)
    layout = layout_for(model, layout)
    for start in range(0, len(x), batch_size):
        index = np.arange(start, min(start + batch_size, len(x)))
        pictures = standardised(x, index, standardisation, layout, train=False)
        with np.errstate(
            divide="ignore", over="ignore", invalid="ignore"
        ):  # told by `probabilities_of`
            outputs_of, _ = forward(model, pictures, False, None)
        y = kernels.as_numpy(outputs_of)
        if y.shape != (len(index), len(card.classes)):
            raise ShapeError(
                f"the model gives outputs of shape {y.shape} for {len(index)} pictures, but its "
                f"card names {len(card.classes)} classes; let its last layer give one output "
                "for each class"
            )
        outputs[start : start + batch_size] = y
    return outputs


def probabilities_of(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Softmax of logits (N, classes), by row.

    Raises:
        ByhandError: some are not finite.
    """
    finite = np.asarray(np.isfinite(outputs).all(axis=1))
    if not finite.all():
        raise ByhandError(
            f"the model's outputs are not finite for {int((~finite).sum())} of {len(finite)} "
            "pictures: its training has diverged; train it again with a smaller learning rate"
        )
    if not len(outputs):
        return outputs
    probabilities, _ = kernels.softmax(outputs)
    return np.asarray(probabilities, np.float32)


def as_pictures(images: Pictures, image_shape: tuple[int, int, int]) -> NDArray[Any]:
    """Bring pictures of any layout to (N, C, H, W), uint8 or float, checked; a view if possible.

    Args:
        images: as in `predict`.
        image_shape: (C, H, W) to be read. Where a shape can mean two things, the earlier of
            one picture (C, H, W), many (N, C, H, W), channels last, one row a picture is meant.

    Raises:
        ShapeError: another size or type.
        InputError: floats outside 0..1, or NaN.
    """
    x = _stack(images, image_shape)
    if x.dtype == np.bool_:
        x = x.astype(np.float32)
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise ShapeError(
            f"pictures of type {x.dtype} cannot be read: give uint8 from 0 to 255 "
            "(.astype(numpy.uint8)) or floats from 0 to 1"
        )
    if x.dtype.kind == "f" and x.size:
        low, high = float(x.min()), float(x.max())
        if math.isnan(low):
            raise InputError(
                f"pictures of shape {x.shape} hold NaN at {int(np.isnan(x).sum())} pixels: "
                "give floats from 0 (black) to 1 (white)"
            )
        if low < 0 or high > 1:
            raise InputError(
                f"pictures of type {x.dtype} have values from {low:g} to {high:g}, but floats "
                "must be within 0..1: divide pixels of 0..255 by 255, and leave standardising "
                "to the model"
            )
    return x


def _stack(images: Pictures, image_shape: tuple[int, int, int]) -> NDArray[Any]:
    # A list of pictures is taken picture by picture: each may have a layout of its own. A list of
    # numbers is one array.
    try:
        if not isinstance(images, list | tuple):
            return _resolve(plain_array(images, "pixels"), image_shape)
        arrays = [plain_array(picture, "pixels") for picture in images]
        if max((x.ndim for x in arrays), default=0) < 2:
            # rows of numbers: (N, C*H*W), or one picture (H, W) or (C*H*W,)
            return _resolve(np.asarray(images), image_shape)
    except ByhandError:
        raise
    except ValueError as error:  # NumPy: lists of different lengths
        raise ShapeError(
            "the list holds rows of different lengths, which are no pictures: "
            f"give arrays of the model's shape {image_shape}"
        ) from error
    singles = []
    for i, picture in enumerate(arrays):
        x = _resolve(picture, image_shape)
        if len(x) != 1:
            raise ShapeError(
                f"picture {i} of the list has shape {picture.shape}, which is not one picture "
                f"{image_shape}; join arrays of many with numpy.concatenate"
            )
        singles.append(x)
    types = sorted({str(x.dtype) for x in singles})
    if len(types) > 1 and any(np.dtype(kind).kind != "f" for kind in types):
        raise ShapeError(
            f"the list mixes pictures of types {' and '.join(types)}; "
            "give all as uint8 from 0 to 255, or all as floats from 0 to 1"
        )
    return np.concatenate(singles)


def _resolve(x: NDArray[Any], image_shape: tuple[int, int, int]) -> NDArray[Any]:
    c, h, w = image_shape
    shape = x.shape
    if shape == (0,):
        return np.empty((0, c, h, w), np.uint8)
    one, many = (), (shape[0],) if shape else ()
    for lead in (one, many):
        if shape == (*lead, c, h, w) or (c == 1 and shape == (*lead, h, w)):
            return x.reshape(-1, c, h, w)
        if shape == (*lead, h, w, c):
            return np.moveaxis(x.reshape(-1, h, w, c), 3, 1)  # (N, H, W, C) -> (N, C, H, W)
    if shape == (c * h * w,) or shape == (*many, c * h * w):
        return x.reshape(-1, c, h, w)
    examples = [f"(N, {c}, {h}, {w})", f"(N, {h}, {w}, {c})", f"(N, {c * h * w})"]
    if c == 1:
        examples.insert(1, f"(N, {h}, {w})")
    raise ShapeError(
        f"pictures of shape {shape} do not fit the model, which reads {image_shape}: "
        f"resize them to {h}×{w} and give {', '.join(examples[:-1])} or {examples[-1]}"
    )
