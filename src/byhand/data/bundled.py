"""scikit-learn's digits, which are there without a network: 1,797 of real handwriting."""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from byhand.data.dataset import DIGITS, Dataset, Splits
from byhand.data.fingerprint import fingerprint
from byhand.data.split import stratified_split

_SPLIT_SEED = 0
_TEST_FRACTION = 0.2


def open_digits() -> Splits:
    """The digits that scikit-learn brings, in MNIST's form; always the same pictures and split.

    They are 8 × 8 pixels of 0 to 16, each the ink in a 4 × 4 cell (E. Alpaydin and C. Kaynak,
    Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998). Each is
    enlarged to MNIST's box of 20 × 20 (bicubic) in the middle of 28 × 28, 0 to 255. A fifth of
    every class, drawn with a fixed seed, is for testing.
    """
    from PIL import Image

    # `sklearn.datasets.load_digits` reads the same file, but takes seconds to import.
    installed = find_spec("sklearn")
    assert installed is not None  # pyproject.toml asks for it
    path = Path(str(installed.origin)).parent / "datasets" / "data" / "digits.csv.gz"
    with gzip.open(path) as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)  # (N, 64 + 1): the cells, the digit
    small = np.rint(table[:, :-1].reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    images = np.zeros((len(small), 1, 28, 28), np.uint8)
    for image, cells in zip(images, small, strict=True):
        box = Image.fromarray(cells).resize((20, 20), Image.Resampling.BICUBIC)
        image[0, 4:24, 4:24] = np.asarray(box)
    whole = Dataset(images, table[:, -1], DIGITS)
    train, test = stratified_split(whole, _TEST_FRACTION, np.random.default_rng(_SPLIT_SEED))
    source = f"scikit-learn's bundled digits ({len(whole):,} of 8 × 8 pixels, enlarged)"
    return Splits("digits", train, test, None, source, fingerprint(train, test))
