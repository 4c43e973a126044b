"""Copies of a model, however they are made: whole, and with vectors of their own or shared."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from byhand import nn

OWN = {
    "copy": lambda model: model.copy(),
    "deepcopy": copy.deepcopy,
    "pickle": lambda model: pickle.loads(pickle.dumps(model)),
}


def network():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(),
        nn.Linear(8, 4), shared, nn.Tanh(), nn.Residual(shared),
    )  # fmt: skip
    return model.init(np.random.default_rng(0))


@pytest.mark.parametrize("how", OWN)
def test_a_copy_has_one_vector_of_its_own_behind_all_its_layers(how):
    model, x = network(), np.random.default_rng(1).standard_normal((3, 1, 4, 4), np.float32)
    before = model.forward(x)[0]
    other = OWN[how](model)
    assert np.array_equal(other.forward(x)[0], before)
    assert other.flat.size == model.flat.size
    assert not np.shares_memory(other.flat, model.flat)
    other.flat[...] = 0  # reaches every layer of the copy, and none of the model
    assert not other.forward(x)[0].any()
    assert np.array_equal(model.forward(x)[0], before)
    assert all(np.shares_memory(p.value, other.flat) for _, p in other.named_params())
    assert all(np.shares_memory(p.value, other.flat_buffers) for _, p in other.named_buffers())


def test_a_shallow_copy_shares_the_parameters_and_leaves_them_where_they_are():
    model = network()
    flat = model.flat
    other = copy.copy(model)
    assert other.flat is flat
    assert model.flat is flat
    assert all(np.shares_memory(p.value, flat) for _, p in model.named_params())


def test_a_model_that_is_not_initialised_copies_too():
    other = copy.deepcopy(nn.Sequential(nn.Linear(2, 3)))
    assert other.init(np.random.default_rng(0)).flat.size == 9


def test_a_layer_inside_a_model_copies_in_another_float_type():
    model = network()
    layer = model[0].copy(np.float64)
    assert layer.flat.dtype == np.float64
    assert np.array_equal(layer.flat, model.flat[: layer.flat.size].astype(np.float64))


def test_a_layer_made_of_layers_needs_no_more_than_attributes():
    class Twice(nn.Layer):
        def __init__(self):
            self.inner = nn.Linear(3, 3)

        def forward(self, x, train=False, key=None):
            y, first = self.inner.forward(x)
            z, second = self.inner.forward(y)
            return z, (first, second)

        def backward(self, dy, cache, grads, need_dx=True):
            dy = self.inner.backward(dy, cache[1], grads.child("inner"))
            return self.inner.backward(dy, cache[0], grads.child("inner"), need_dx)

    layer = Twice().init(np.random.default_rng(0))
    assert list(layer.state_dict()) == ["inner.weight", "inner.bias"]
    assert nn.gradcheck(layer, np.random.default_rng(1).standard_normal((2, 3)))
