"""Small pictures that a network learns in a blink: a fixed blob pattern a class, and noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from byhand.data import IDX_FILES, Dataset, Splits, encode_idx

SIZE = 12


def pictures(n, *, classes=10, size=SIZE, noise=0.25, seed=0):
    """A Dataset of `n` pictures (1, size, size); the classes in turn, the patterns always same."""
    rng = np.random.default_rng([seed, n, classes])
    patterns = np.random.default_rng(1234).random((classes, size, size)) > 0.6
    labels = np.arange(n) % classes
    clean = patterns[labels].astype(np.float64)
    mixed = clean * (1 - noise) + rng.random((n, size, size)) * noise
    images = (mixed * 255).astype(np.uint8)[:, None]
    order = rng.permutation(n)
    return Dataset(images[order], labels[order], tuple(str(i) for i in range(classes)))


def splits(n_train=80, n_test=40, *, classes=10, size=SIZE, noise=0.25, validation=None):
    """The same as a found data set; `validation`: so many pictures of the source's own."""
    own = None
    if validation:
        own = pictures(validation, classes=classes, size=size, noise=noise, seed=2)
    return Splits(
        "blobs",
        pictures(n_train, classes=classes, size=size, noise=noise),
        pictures(n_test, classes=classes, size=size, noise=noise, seed=1),
        own,
        "tests",
        "0" * 64,
    )


def write_idx(folder, n_train=80, n_test=40, **how):
    """The four IDX files of `splits` (ten classes), in `folder`."""
    found = splits(n_train, n_test, **how)
    arrays = [
        found.train.images[:, 0],
        found.train.labels.astype(np.uint8),
        found.test.images[:, 0],
        found.test.labels.astype(np.uint8),
    ]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(IDX_FILES, arrays, strict=True):
        (folder / name).write_bytes(encode_idx(array))
    return folder


def write_folders(folder, n=60, *, classes=3, size=SIZE):
    """A folder of PNG pictures for each class."""
    from PIL import Image

    names = ("apple", "banana", "cherry", "damson")[:classes]
    dataset = pictures(n, classes=classes, size=size)
    for i, (image, label) in enumerate(zip(dataset.images, dataset.labels, strict=True)):
        place = Path(folder) / names[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0]).save(place / f"{i:03d}.png")
    return Path(folder)
