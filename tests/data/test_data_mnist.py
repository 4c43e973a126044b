"""The real MNIST, where it is: counts, hash, mean and spread."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import byhand
import support
from byhand.data import (
    MNIST_HASHES,
    MNIST_SHA256,
    Standardisation,
    find_data,
    open_data,
    open_idx,
    open_npz,
)


@pytest.fixture(scope="module")
def mnist():
    return open_data(support.require_data())


def test_mnist_has_its_counts_classes_and_hash(mnist):
    assert (len(mnist.train), len(mnist.test)) == (60_000, 10_000)
    assert mnist.train.image_shape == (1, 28, 28)
    assert mnist.train.classes == tuple("0123456789")
    assert (mnist.name, mnist.sha256) == ("mnist", MNIST_SHA256)
    np.testing.assert_array_equal(
        np.bincount(mnist.train.labels),
        [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949],
    )
    assert mnist.train.labels[:5].tolist() == [5, 0, 4, 1, 9]


def test_mnist_s_pixels_have_their_known_mean_and_spread(mnist):
    fitted = Standardisation.fit(mnist.train)
    assert fitted.mean[0] == pytest.approx(0.1307, abs=5e-5)
    assert fitted.std[0] == pytest.approx(0.3081, abs=5e-5)


def test_each_file_has_its_known_hash():
    assert open_idx(support.require_data() / "mnist", MNIST_HASHES).name == "mnist"


def test_the_environment_s_mnist_is_found(mnist, monkeypatch):
    folder = support.require_data()
    monkeypatch.setenv("BYHAND_DATA", str(folder))
    assert find_data() == folder / "mnist"


def test_mnist_is_known_again_as_npz(mnist, tmp_path):
    path = tmp_path / "mnist.npz"
    np.savez(
        path,
        x_train=mnist.train.images[:, 0], y_train=mnist.train.labels,
        x_test=mnist.test.images[:, 0], y_test=mnist.test.labels,
    )  # fmt: skip
    assert open_npz(path).name == "mnist"


def test_importing_the_room_imports_nothing_heavy():
    heavy = "sklearn scipy matplotlib PIL pooch requests filelock platformdirs rich typer"
    code = "import sys, byhand.data; print(*sorted({m.split('.')[0] for m in sys.modules}))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(Path(byhand.__file__).parents[1])},
    )  # fmt: skip
    assert not set(heavy.split()) & set(answer.stdout.split())
