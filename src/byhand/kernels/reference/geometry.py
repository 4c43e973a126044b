"""Where a window goes: kernel size, stride and padding, and the output size that follows."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Literal

from byhand.errors import InputError, ShapeError

Size = int | tuple[int, int]
Padding = int | tuple[int, int] | Literal["same"]


def pair(value: Size, name: str, least: int) -> tuple[int, int]:
    """Turn an integer or a pair into a pair, and check that both are at least `least`."""
    both = tuple(value) if isinstance(value, tuple | list) else (value, value)
    try:
        first, second = (operator.index(v) for v in both)
    except (TypeError, ValueError):
        first, second = least - 1, least - 1
    if min(first, second) < least:
        raise InputError(
            f"{name} is {value!r}, but it must be an integer of at least {least} or a pair of them"
        )
    return first, second


@dataclass(frozen=True)
class Window:
    """A window of KH x KW that moves by the stride over a padded picture."""

    kernel: tuple[int, int]  # KH, KW
    stride: tuple[int, int]  # SH, SW
    padding: tuple[tuple[int, int], tuple[int, int]]  # (top, bottom), (left, right)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """OH, OW = floor((H + padding - KH) / SH) + 1, likewise for the width.

        Raises:
            ShapeError: the kernel is larger than the padded picture.
        """
        (top, bottom), (left, right) = self.padding
        padded = (height + top + bottom, width + left + right)
        if padded[0] < self.kernel[0] or padded[1] < self.kernel[1]:
            raise ShapeError(
                f"a window of {self.kernel[0]}×{self.kernel[1]} does not fit into a picture of "
                f"{height}×{width} (with padding {padded[0]}×{padded[1]}); "
                "use larger pictures, a smaller window or more padding"
            )
        return (
            (padded[0] - self.kernel[0]) // self.stride[0] + 1,
            (padded[1] - self.kernel[1]) // self.stride[1] + 1,
        )


def window(kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Window:
    """Read the arguments as users write them.

    `padding` is one number, a pair (rows, columns), or "same": as many zeros as keep the size when
    the stride is 1, the odd one at the bottom and right (as PyTorch).

    Raises:
        InputError: a number is too small, or padding is a word that is not "same".
    """
    kernel = pair(kernel_size, "kernel size", 1)
    steps = pair(stride, "stride", 1)
    if isinstance(padding, str):
        if padding != "same":
            raise InputError(f'padding is {padding!r}, but the only word for it is "same"')
        if steps != (1, 1):
            raise InputError(f'padding "same" needs stride 1, but the stride is {stride!r}')
        kh, kw = kernel
        return Window(kernel, steps, (((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)))
    rows, columns = pair(padding, "padding", 0)
    return Window(kernel, steps, ((rows, rows), (columns, columns)))


def line(
    kernel_size: int, stride: int = 1, padding: int | Literal["same"] = 0
) -> tuple[tuple[int, int], tuple[int, int], Padding]:
    """The one-dimensional arguments as those of a picture of one row.

    Raises:
        InputError: one of them is no integer, or too small.
    """
    numbers = [("kernel size", kernel_size, 1), ("stride", stride, 1)]
    if not isinstance(padding, str):
        numbers.append(("padding", padding, 0))
    for name, value, least in numbers:
        if not hasattr(value, "__index__") or operator.index(value) < least:
            raise InputError(
                f"{name} is {value!r}, but in one dimension it must be an integer "
                f"of at least {least}"
            )
    return (1, kernel_size), (1, stride), padding if isinstance(padding, str) else (0, padding)
