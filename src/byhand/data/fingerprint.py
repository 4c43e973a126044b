"""Which set is this: one hash over the contents, the same in whatever form they came.

The hash is SHA-256 over four IDX files, decompressed, one after another: training pictures,
training labels, test pictures, test labels. A set that came in another form (npz, pickle, folder)
is hashed as the IDX files that it would make, a validation part counted to the training part. So
MNIST is known again in every form, and for the IDX files `gzip -dc` of the four in that order,
piped to `sha256sum`, gives the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from byhand.data.dataset import Dataset, Splits
from byhand.data.idx import INTEGER, idx_header

TRAIN_IMAGES = "train-images-idx3-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"
TEST_IMAGES = "t10k-images-idx3-ubyte"
TEST_LABELS = "t10k-labels-idx1-ubyte"
IDX_FILES = (TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS)

# Of the decompressed files: the gzip wrapper differs from mirror to mirror.
MNIST_HASHES: Mapping[str, str] = MappingProxyType(
    {
        TRAIN_IMAGES: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        TRAIN_LABELS: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        TEST_IMAGES: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        TEST_LABELS: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    }
)
# Of the four together, as above.
MNIST_SHA256 = "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"


def fingerprint(train: Dataset, test: Dataset, validation: Dataset | None = None) -> str:
    """The SHA-256 (64 hexadecimal digits) of a data set's contents, as this file's head says."""
    learning = [train] if validation is None else [train, validation]
    digest = hashlib.sha256()
    for parts in (learning, [test]):
        n = sum(len(part) for part in parts)
        channels, height, width = train.image_shape
        sizes = (n, height, width) if channels == 1 else (n, channels, height, width)
        digest.update(idx_header(sizes))
        for part in parts:
            digest.update(np.ascontiguousarray(part.images).data)
        small = len(train.classes) <= 256
        digest.update(idx_header((n,)) if small else idx_header((n,), INTEGER))
        for part in parts:
            digest.update(part.labels.astype(np.uint8 if small else ">i4").tobytes())
    return digest.hexdigest()


def named_splits(
    otherwise: str,
    train: Dataset,
    test: Dataset,
    validation: Dataset | None,
    source: str,
    notes: tuple[str, ...],
) -> Splits:
    """The parts as a set that is called by its contents: MNIST by its name, others `otherwise`.

    Raises:
        DataError: the parts differ in picture size or in classes.
    """
    sha256 = fingerprint(train, test, validation)
    name = "mnist" if sha256 == MNIST_SHA256 else otherwise
    return Splits(name, train, test, validation, source, sha256, notes)
