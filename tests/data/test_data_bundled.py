"""scikit-learn's digits in MNIST's form."""

from __future__ import annotations

import numpy as np

from byhand.data import open_digits


def test_the_digits_have_mnist_s_form_and_always_the_same_split():
    splits, again = open_digits(), open_digits()
    assert splits.name == "digits"
    assert (len(splits.train), len(splits.test)) == (1438, 359)
    assert splits.train.image_shape == (1, 28, 28)
    assert splits.train.classes == tuple("0123456789")
    assert splits.sha256 == again.sha256
    per_class = np.bincount(splits.test.labels)
    assert per_class.min() >= 34
    assert per_class.max() <= 37


def test_the_digits_lie_in_the_box_of_20_and_use_the_whole_range():
    images = open_digits().train.images[:, 0]
    inside = np.zeros((28, 28), bool)
    inside[4:24, 4:24] = True
    assert not images[:, ~inside].any()
    assert images.max() == 255
    # Enlarging keeps the ink: the mean over the box is that of the 8 × 8 pixels.
    from sklearn.datasets import load_digits

    assert abs(images[:, 4:24, 4:24].mean() - load_digits().images.mean() * 255 / 16) < 2
