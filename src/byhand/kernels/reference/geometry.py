"""Where a window goes: kernel size, stride and padding, and the output size that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

from byhand.checks import quoted, whole
from byhand.errors import InputError, ShapeError

T = TypeVar("T")
Size = int | tuple[int, int]
Padding = int | tuple[int, int] | Literal["same"]


# Padding wider than so many kernels, or that makes a picture so many times as large (and more than
# ROOM pixels), cannot be meant: nearly all windows would see nothing but zeros.
FAR = 32
ROOM = 2**20


def pair(value: object, name: str, least: int) -> tuple[int, int]:
    """Turn an integer or a pair into a pair, and check that both are at least `least`.

    Raises:
        InputError: it is neither.
    """
    if isinstance(value, tuple | list):
        if len(value) != 2:
            raise InputError(
                f"{name} is {quoted(value)}, but it must be a whole number or a pair of them"
            )
        return whole(name, value[0], least), whole(name, value[1], least)
    both = whole(name, value, least)
    return both, both


def exact(value: T, name: str, least: int) -> T | tuple[int, int]:
    """The value itself, or as a pair of Python's integers where others could be equal to it.

    2.0 and True are equal to integers, and would find in a dictionary what was kept for those.

    Raises:
        InputError: it is no integer or pair of them, word or None.
    """
    kind = type(value)
    return value if kind is int or kind is str or value is None else pair(value, name, least)


@dataclass(frozen=True)
class Window:
    """A window of KH x KW that moves by the stride over a padded picture."""

    kernel: tuple[int, int]  # KH, KW
    stride: tuple[int, int]  # SH, SW
    padding: tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """OH, OW = floor((H + padding - KH) / SH) + 1, likewise for the width.

        Raises:
            ShapeError: the kernel is larger than the padded picture, or that much larger than the
                picture itself.
        """
        padded = self.padded_size(height, width)
        if padded[0] < self.kernel[0] or padded[1] < self.kernel[1]:
            raise ShapeError(
                f"a window of {self.kernel[0]}×{self.kernel[1]} does not fit into a picture of "
                f"{height}×{width} (with padding {padded[0]}×{padded[1]}); "
                "use larger pictures, a smaller window or more padding"
            )
        if self.is_far(height, width):
            raise ShapeError(
                f"padding makes a picture of {height}×{width} one of {padded[0]}×{padded[1]}, "
                "which is nearly all zeros; use larger pictures or less padding"
            )
        return (
            (padded[0] - self.kernel[0]) // self.stride[0] + 1,
            (padded[1] - self.kernel[1]) // self.stride[1] + 1,
        )

    def padded_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width with the padding."""
        (top, bottom), (left, right) = self.padding
        return height + top + bottom, width + left + right

    def is_far(self, height: int, width: int) -> bool:
        """Whether the padding reaches farther than can be meant for such a picture."""
        return math.prod(self.padded_size(height, width)) > max(FAR * height * width, ROOM)


def window(kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Window:
    """Read the arguments as users write them.

    `padding` is one number, a pair (rows, columns), or "same": as many zeros as keep the size when
    the stride is 1, the odd one at the bottom and right (as PyTorch).

    Raises:
        InputError: a number is too small or too large, or padding is a word that is not "same".
    """
    kernel = pair(kernel_size, "kernel size", 1)
    steps = pair(stride, "stride", 1)
    if isinstance(padding, str):
        if padding != "same":
            raise InputError(f'padding is {quoted(padding)}, but the only word for it is "same"')
        if steps != (1, 1):
            raise InputError(f'padding "same" needs stride 1, but the stride is {stride!r}')
        kh, kw = kernel
        return Window(kernel, steps, (((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)))
    rows, columns = pair(padding, "padding", 0)
    if rows > FAR * kernel[0] or columns > FAR * kernel[1]:
        raise InputError(
            f"padding is {quoted(padding)}, but with a kernel of {kernel[0]}×{kernel[1]} it can be "
            f"at most {FAR * kernel[0]}×{FAR * kernel[1]}; use less padding"
        )
    return Window(kernel, steps, ((rows, rows), (columns, columns)))


def line(
    kernel_size: int, stride: int = 1, padding: int | Literal["same"] = 0
) -> tuple[tuple[int, int], tuple[int, int], Padding]:
    """The one-dimensional arguments as those of a picture of one row.

    Raises:
        InputError: one of them is no integer, or too small.
    """
    kernel = whole("in one dimension the kernel size", kernel_size, 1)
    steps = whole("in one dimension the stride", stride, 1)
    if isinstance(padding, str):
        return (1, kernel), (1, steps), padding
    return (1, kernel), (1, steps), (0, whole("in one dimension the padding", padding))
