"""What the network learns from besides MNIST, drawn from a generator that is passed in."""

from byhand.reader.examples.fonts import (
    fetch_fonts,
    fonts_folder,
    missing_packages,
    test_fonts,
    training_fonts,
)
from byhand.reader.examples.glyphs import DIGIT_SHAPED
from byhand.reader.examples.testing import nondigits_for_testing, words_for_testing

__all__ = [
    "DIGIT_SHAPED",
    "fetch_fonts",
    "fonts_folder",
    "missing_packages",
    "nondigits_for_testing",
    "test_fonts",
    "training_fonts",
    "words_for_testing",
]
