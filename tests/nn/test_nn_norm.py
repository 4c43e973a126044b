"""Batch norm's running statistics: only commit writes them, by the formula."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn
from byhand.errors import ShapeError


def committed(model, x):
    _, cache = model.forward(x, train=True, key=nn.Key(0))
    model.commit(cache)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [(nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (6, 3, 4)), (nn.BatchNorm2d, (6, 3, 4, 2))],
)
@pytest.mark.parametrize("momentum", [0.1, 0.25])
def test_commit_moves_the_running_statistics_by_the_formula(layer, shape, momentum):
    model = layer(3, momentum=momentum).init(np.random.default_rng(0), np.float64)
    mean, var = np.zeros(3), np.ones(3)
    for seed in range(3):
        x = np.random.default_rng(seed).normal(2, 3, shape)
        committed(model, x)
        values = np.moveaxis(x, 1, 0).reshape(3, -1)
        mean = (1 - momentum) * mean + momentum * values.mean(axis=1)
        var = (1 - momentum) * var + momentum * values.var(axis=1, ddof=1)  # unbiased
        np.testing.assert_allclose(model.buffers()["running_mean"], mean, rtol=1e-12)
        np.testing.assert_allclose(model.buffers()["running_var"], var, rtol=1e-12)


def test_no_forward_writes_and_evaluation_uses_the_running_statistics():
    model = nn.BatchNorm2d(2).init(np.random.default_rng(0), np.float64)
    x = np.random.default_rng(0).normal(5, 3, (4, 2, 3, 3))
    model.forward(x, train=True)
    model.forward(x, train=False)
    assert model.flat_buffers.tolist() == [0, 0, 1, 1]
    np.testing.assert_allclose(model.forward(x)[0], x / np.sqrt(1 + 1e-5), rtol=1e-12)
    for _ in range(400):
        committed(model, x)
    y = model.forward(x)[0]
    np.testing.assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-9)
    np.testing.assert_allclose(y.std(axis=(0, 2, 3)), np.sqrt(35 / 36), rtol=1e-5)


def test_containers_commit_every_layer_inside_them():
    norms = [nn.BatchNorm1d(2) for _ in range(4)]
    model = nn.Sequential(
        nn.Concat(norms[0], nn.Sequential(nn.Tanh(), norms[1])),
        nn.Residual(
            nn.Sequential(nn.Linear(4, 2), norms[2]), nn.Sequential(nn.Linear(4, 2), norms[3])
        ),
        nn.Dropout(0.5),
    ).init(np.random.default_rng(0), np.float64)
    x = np.random.default_rng(1).normal(1, 2, (8, 2))
    model.flat[...] = np.random.default_rng(2).standard_normal(model.flat.shape)
    before = model.flat.copy()
    committed(model, x)
    np.testing.assert_allclose(norms[0].running_mean.value, 0.1 * x.mean(axis=0))
    np.testing.assert_allclose(norms[1].running_mean.value, 0.1 * np.tanh(x).mean(axis=0))
    for norm in norms:
        assert norm.running_mean.value.all()
        assert (norm.running_var.value != 1).all()
    assert np.array_equal(model.flat, before)
    residual_without_shortcut = nn.Residual(nn.BatchNorm1d(2)).init(np.random.default_rng(0))
    committed(residual_without_shortcut, x.astype(np.float32))
    assert residual_without_shortcut.flat_buffers[:2].all()


def test_a_batch_norm_used_twice_counts_both_uses():
    norm = nn.BatchNorm1d(2)
    model = nn.Sequential(norm, nn.Linear(2, 2), norm).init(np.random.default_rng(0), np.float64)
    x = np.random.default_rng(1).normal(3, 1, (8, 2))
    middle = model[1].forward(norm.forward(x, train=True)[0])[0]
    committed(model, x)
    expected = 0.9 * 0.1 * x.mean(axis=0) + 0.1 * middle.mean(axis=0)
    np.testing.assert_allclose(norm.running_mean.value, expected, rtol=1e-12)


def test_one_value_a_channel_cannot_be_normalised_in_training_but_otherwise():
    model = nn.BatchNorm1d(3).init(np.random.default_rng(0))
    x = np.ones((1, 3), np.float32)
    with pytest.raises(ShapeError, match=r"\(1, 3\) in training.*at least two images"):
        model.forward(x, train=True)
    assert model.forward(x)[0].shape == (1, 3)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        (nn.BatchNorm1d(3), (2, 3, 4, 4), "(N, 3"),
        (nn.BatchNorm2d(3), (2, 3), "(N, 3"),
        (nn.BatchNorm2d(3), (2, 5, 4, 4), "3"),
    ],
)
def test_pictures_that_do_not_fit_are_named_with_what_would_fit(layer, shape, expected):
    layer.init(np.random.default_rng(0))
    with pytest.raises(ShapeError) as caught:
        layer.forward(np.zeros(shape, np.float32))
    assert str(shape) in str(caught.value)
    assert expected in str(caught.value)
