"""What a model says of itself besides its layers: what it reads, and what it is known to reach."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from byhand.data.standardise import Standardisation


@dataclass(frozen=True)
class ModelCard:
    """The name, the pictures (C, H, W) it takes and how they are standardised, and its classes.

    `recipe` is how it was trained and `figures` what it reached, as plain values.
    """

    name: str = ""
    image_shape: tuple[int, int, int] = (1, 28, 28)
    classes: tuple[str, ...] = tuple("0123456789")
    standardisation: Standardisation | None = None  # None: pixels divided by 255 and no more
    recipe: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The card as plain values, for JSON."""
        values = asdict(self)
        values["standardisation"] = (
            None if self.standardisation is None else self.standardisation.as_dict()
        )
        return values

    @staticmethod
    def from_dict(values: dict[str, Any]) -> ModelCard:
        """The card from what `as_dict` gave, once through JSON."""
        c, h, w = values["image_shape"]
        standardisation = values["standardisation"]
        return ModelCard(
            name=str(values["name"]),
            image_shape=(int(c), int(h), int(w)),
            classes=tuple(str(c) for c in values["classes"]),
            standardisation=(
                None if standardisation is None else Standardisation.from_dict(standardisation)
            ),
            recipe=dict(values["recipe"]),
            figures=dict(values["figures"]),
        )
