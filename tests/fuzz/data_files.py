"""Data: IDX files, npz, pickles and folders of pictures, spoilt and opened."""

from __future__ import annotations

import gzip
import io
import pickle

import numpy as np
from PIL import Image

import blobs
from byhand.data import IDX_FILES, Standardisation, batches, encode_idx, open_data
from fuzz import odd_bytes, odd_files, trees
from fuzz.odd_values import pick

LAYOUTS = (
    ("",), ("train", "test"), ("train", "val"), ("train", "val", "test"), ("train",),
    ("training", "testing"), ("Train", "Test"), ("zip/train", "zip/test"), ("zip",),
)  # fmt: skip
CLASSES = (("0", "1", "2"), ("cat", "dog"), ("猫", "é"), ("one",))
PICTURES = (("PNG", "L"), ("PNG", "I;16"), ("PNG", "RGBA"), ("PNG", "1"), ("PNG", "P"),
            ("TIFF", "F"), ("JPEG", "RGB"), ("JPEG", "CMYK"), ("GIF", "L"))  # fmt: skip
FEW, TEST = blobs.pictures(30), blobs.pictures(12, seed=1)


def arrays():
    """The four arrays of a set, by their names in an npz."""
    return {
        "x_train": FEW.images[:, 0], "y_train": FEW.labels.astype(np.uint8),
        "x_test": TEST.images[:, 0], "y_test": TEST.labels.astype(np.uint8),
    }  # fmt: skip


def idx():
    """The four IDX files, two of them gzip'd."""
    written = dict(zip(IDX_FILES, map(encode_idx, arrays().values()), strict=True))
    return {
        name + (".gz" if i % 2 else ""): gzip.compress(data, 1, mtime=0) if i % 2 else data
        for i, (name, data) in enumerate(written.items())
    }


def pickled(protocol):
    """Three pairs of arrays, the pictures as floats."""
    pairs = [
        ((s.images / np.float32(256)).reshape(len(s), -1), s.labels) for s in (FEW, TEST, TEST)
    ]
    return pickle.dumps(tuple(pairs), protocol)


def picture(pixels, kind, mode, size=None):
    """A picture file of an array (H, W) uint8."""
    image = Image.fromarray(pixels)
    if mode in ("I;16", "F"):
        image = Image.fromarray(pixels.astype({"I;16": np.uint16, "F": np.float32}[mode]))
    elif mode != "L":
        image = image.convert(mode)
    if size is not None:
        image = image.resize(size)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def folders(rng):
    """A folder of pictures for each class, in one of the usual layouts."""
    layout, classes, (kind, mode) = pick(LAYOUTS, rng), pick(CLASSES, rng), pick(PICTURES, rng)
    tree = {}
    for part in layout:
        for label, name in enumerate(classes):
            for i in range(int(rng.integers(1, 5))):
                pixels = FEW.images[(3 * i + label) % len(FEW), 0]
                path = "/".join(filter(None, (part, name, f"{i}.{kind.lower()}")))
                tree[path] = picture(pixels, kind, mode)
    return tree


class DataFiles:
    """Opened as `--data` opens them."""

    def __init__(self, folder):
        self.folder, self.idx = folder / "data", idx()
        self.pickles = [pickled(protocol) for protocol in (0, 2, 4, 5)]

    def close(self):
        """Nothing is left."""

    def case(self, rng):
        way = rng.integers(5)
        if way == 0:
            tree = dict(self.idx)
            name = pick(list(tree), rng)
            data = tree[name]
            spoil = lambda data, rng: odd_bytes.spoilt(data, list(self.idx.values()), rng)  # noqa: E731
            tree[name] = odd_files.packed(data, rng, spoil) if ".gz" in name else spoil(data, rng)
        elif way == 1:
            tree = {"mnist.npz": odd_files.npz(arrays(), rng)}
        elif way == 2:
            data = odd_bytes.spoilt(pick(self.pickles, rng), self.pickles, rng)
            tree = {"mnist.pkl": data}
            if rng.integers(2):
                packed = gzip.compress(data, 1, mtime=0)
                tree = {"mnist.pkl.gz": odd_files.packed(packed, rng, lambda data, rng: data)}
        else:
            tree = folders(rng)
            for _ in range(int(rng.integers(1, 4))):
                if rng.integers(2) and tree:
                    tree = trees.disturbed(tree, rng)
                elif files := [
                    name for name, content in tree.items() if isinstance(content, bytes)
                ]:
                    name = pick(files, rng)
                    tree[name] = pick(
                        (
                            odd_bytes.spoilt(tree[name] or b"x", [tree[name] or b"x"], rng),
                            picture(FEW.images[0, 0], "PNG", pick(("L", "I;16", "RGBA", "1"), rng)),
                            picture(FEW.images[0, 0], "PNG", "L", (int(rng.integers(1, 40)), 12)),
                        ),
                        rng,
                    )
            return tree
        return trees.disturbed(tree, rng) if rng.integers(8) == 0 else tree

    def doors(self, case):
        trees.write(self.folder, case)
        opened = yield lambda: open_data(self.folder, download=False)
        if opened is not None:
            yield lambda: _check_splits(opened)


def _check_splits(splits):
    for part in (splits.train, splits.test, splits.validation):
        if part is None:
            continue
        assert part.images.dtype == np.uint8
        assert part.images.shape == (len(part), *part.image_shape)
        assert len(part) == 0 or 0 <= part.labels.min() <= part.labels.max() < len(part.classes)
        assert part.image_shape == splits.train.image_shape
        assert part.classes == splits.train.classes
    assert len(splits.sha256) == 64
    unit = Standardisation.unit(splits.train.image_shape[0])
    next(iter(batches(splits.train, 4, np.random.default_rng(0), standardisation=unit)))
