"""Where a window goes: kernel size, stride and padding, and the output size that follows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from byhand.errors import InputError, ShapeError

Size = int | tuple[int, int]
Padding = int | tuple[int, int] | Literal["same"]


def pair(value: Size, name: str, least: int) -> tuple[int, int]:
    """Turn an integer or a pair into a pair, and check that both are at least `least`."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or any(not isinstance(v, int) or v < least for v in both):
        raise InputError(
            f"{name} is {value!r}, but it must be an integer of at least {least} or a pair of them"
        )
    return (both[0], both[1])


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


@lru_cache(maxsize=1024)
def window(kernel_size: Size, stride: Size = 1, padding: Padding = 0) -> Window:
    """Read the arguments as users write them.

    `padding` is one number, a pair (rows, columns), or "same": as many zeros as keep the size when
    the stride is 1, the odd one at the bottom and right (as PyTorch).
    """
    kernel = pair(kernel_size, "kernel size", 1)
    steps = pair(stride, "stride", 1)
    if padding == "same":
        if steps != (1, 1):
            raise InputError(f'padding "same" needs stride 1, but the stride is {stride!r}')
        same = tuple(((k - 1) // 2, k // 2) for k in kernel)
        return Window(kernel, steps, (same[0], same[1]))
    if isinstance(padding, str):
        raise InputError(f'padding is {padding!r}, but the only word for it is "same"')
    rows, columns = pair(padding, "padding", 0)
    return Window(kernel, steps, ((rows, rows), (columns, columns)))


def line(
    kernel_size: int, stride: int = 1, padding: int | Literal["same"] = 0
) -> tuple[tuple[int, int], tuple[int, int], Padding]:
    """The one-dimensional arguments as those of a picture of one row."""
    for name, value in (("kernel size", kernel_size), ("stride", stride)):
        if not isinstance(value, int):
            raise InputError(f"{name} is {value!r}, but in one dimension it must be an integer")
    return (1, kernel_size), (1, stride), "same" if padding == "same" else (0, padding)
