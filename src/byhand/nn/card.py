"""What a model says of itself besides its layers: what it reads, and what it is known to reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from byhand.checks import number, quoted, record, whole, word
from byhand.data.standardise import Standardisation
from byhand.errors import DataError, InputError

MOST_PIXELS = 2**28  # of one picture of the size that a network takes


@dataclass(frozen=True)
class ModelCard:
    """The name, the pictures (C, H, W) it takes and how they are standardised, and its classes.

    `recipe` is how it was trained and `figures` what it reached, as plain values.

    Raises:
        InputError: a name is no text, two classes have one name, the pictures' shape is none, or
            the standardisation is of another number of channels.
    """

    name: str = ""
    image_shape: tuple[int, int, int] = (1, 28, 28)
    classes: tuple[str, ...] = tuple("0123456789")
    standardisation: Standardisation | None = None  # None: pixels divided by 255 and no more
    recipe: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        name = word("the network's name", self.name)
        shape = self.image_shape
        if not isinstance(shape, tuple | list) or len(shape) != 3:
            raise InputError(f"image_shape is {quoted(shape)}, but it must be (C, H, W)")
        c, h, w = (whole("a size of image_shape", size, 1) for size in shape)
        if c * h * w > MOST_PIXELS:
            raise InputError(f"image_shape is {quoted(shape)}, more than {MOST_PIXELS:,} pixels")
        given: Any = self.classes
        if not isinstance(given, tuple | list):
            raise InputError(f"classes is {quoted(given)}, but it must be a list of names")
        classes = tuple(word("the name of a class", name) for name in given)
        if len(set(classes)) != len(classes) or not classes:
            twice = next((name for i, name in enumerate(classes) if name in classes[:i]), None)
            raise InputError(
                "there must be at least one class"
                if twice is None
                else f"two classes have the name {quoted(twice)}; give each a name of its own"
            )
        if self.standardisation is not None and len(self.standardisation.mean) != c:
            raise InputError(
                f"the standardisation is of {len(self.standardisation.mean)} channels, but the "
                f"pictures have {c}"
            )
        for known, key in (
            (self.recipe, "name"),
            (self.recipe, "summary"),
            (self.figures, "dataset"),
        ):
            if known.get(key) is not None:
                word(f"the card's {key}", known[key])
        if self.figures.get("test_accuracy") is not None:
            number("the card's test_accuracy", self.figures["test_accuracy"], 0, 1)
        for key, value in (("name", name), ("image_shape", (c, h, w)), ("classes", classes)):
            object.__setattr__(self, key, value)

    def as_dict(self) -> dict[str, Any]:
        """The card as plain values, for JSON."""
        values = asdict(self)
        values["standardisation"] = (
            None if self.standardisation is None else self.standardisation.as_dict()
        )
        return values

    @staticmethod
    def from_dict(values: Any) -> ModelCard:
        """The card from what `as_dict` gave, once through JSON.

        Raises:
            DataError: an entry is missing, or is not what it should be; names it.
        """
        card = record(ModelCard, values, "the card")
        missing = [f.name for f in fields(ModelCard) if f.name not in values]
        if missing:
            raise DataError(f"the card cannot be read: it has no {', '.join(missing)}")
        return card
