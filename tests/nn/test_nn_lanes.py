"""Networks on Lanes: layers run as one, layers of one's own among them, and parameters' types."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import blobs
import support
from byhand import kernels, losses, models, nn, optim, training
from byhand.errors import ShapeError
from byhand.kernels import Lanes
from byhand.nn.layer import backward, commit, forward
from lanes.helper import SETS, agree, is_gradient, machine, numbers
from nn.contract_cases import CASES, KEY


@pytest.fixture(autouse=True)
def _core():
    support.require_core()


class Twice(nn.ReLU):
    """Not what a ReLU does: must not be fused as one."""

    def forward(self, x, train=False, key=None):
        y, cache = super().forward(2 * x, train, key)
        return y, cache

    def backward(self, dy, cache, grads, need_dx=True):
        return 2 * super().backward(dy, cache, grads, need_dx)


def sequence(*layers):
    return nn.Sequential(*layers).init(np.random.default_rng(0))


# name: (the network, the kernels and layers that it comes to)
FUSED = {
    "convolution, relu": (lambda: sequence(nn.Conv2d(2, 3, 3), nn.ReLU()), ["conv2d_relu"]),
    "convolution, relu, pooling": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2)),
        ["conv2d_relu_pool2d"],
    ),
    "convolution, pooling, relu": (
        lambda: sequence(nn.Conv2d(2, 3, 2, use_bias=False), nn.MaxPool2d(2), nn.ReLU()),
        ["conv2d_relu_pool2d"],
    ),
    "linear, relu": (
        lambda: sequence(nn.Flatten(), nn.Linear(72, 5), nn.ReLU(), nn.Linear(5, 2)),
        ["Flatten", "linear_relu", "Linear"],
    ),
    "other pooling": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2, 1), nn.ReLU()),
        ["conv2d_relu", "MaxPool2d", "ReLU"],
    ),
    "pooling of three": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.MaxPool2d(3), nn.ReLU()),
        ["Conv2d", "MaxPool2d", "ReLU"],
    ),
    "mean": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.AvgPool2d(2)),
        ["conv2d_relu", "AvgPool2d"],
    ),
    "batch norm between": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.MaxPool2d(2)),
        ["Conv2d", "BatchNorm2d", "ReLU", "MaxPool2d"],
    ),
    "a subclass of a ReLU": (
        lambda: sequence(nn.Conv2d(2, 3, 3), Twice(), nn.MaxPool2d(2)),
        ["Conv2d", "Twice", "MaxPool2d"],
    ),
    "dropout behind": (
        lambda: sequence(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Dropout(0.5), nn.Flatten(),
                         nn.Linear(48, 4), nn.ReLU(), nn.Dropout(0.5)),
        ["conv2d_relu", "Dropout", "Flatten", "linear_relu", "Dropout"],
    ),
}  # fmt: skip


def one_by_one(model, x, dy, train=True):
    """y, dx and the flat gradient of a Sequential whose layers run each for itself."""
    grads, caches = model.new_grads(), []
    for i, layer in enumerate(model):
        x, cache = forward(layer, x, train, KEY.child(i))
        caches.append(cache)
    for i in reversed(range(len(model))):
        dy = backward(model[i], dy, caches[i], grads.child(str(i)))
    return x, dy, grads.flat


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("isa", SETS)
def test_layers_run_as_one_as_they_run_one_by_one(name, isa):
    make, kinds = FUSED[name]
    model, x = make(), Lanes.pack(numbers(1, (9, 2, 6, 6)))
    with machine(isa, 2):
        y, cache = model.forward(x, True, KEY)
        assert [step.kernel or type(step.layer).__name__ for step in cache[1]] == kinds
        dy = Lanes.pack(numbers(2, y.shape))
        grads = model.new_grads()
        dx = model.backward(dy, cache, grads)
        expected = one_by_one(model, x, dy)
        for mine, theirs in zip((y, dx, grads.flat), expected, strict=True):
            agree(mine, kernels.as_numpy(theirs))
        is_gradient(dx)
        less = model.new_grads()
        assert model.backward(dy, cache, less, need_dx=False) is None
        agree(less.flat, grads.flat)


@pytest.mark.parametrize("name", models.names())
def test_a_named_network_runs_as_its_layers_one_by_one(name):
    model = models.build(name, np.random.default_rng(0))
    x = Lanes.pack(np.random.default_rng(1).standard_normal((9, 1, 28, 28)))
    y, cache = model.forward(x, True, KEY)
    assert len(cache[1]) < len(model)
    dy = Lanes.pack(numbers(2, y.shape))
    grads = model.new_grads()
    dx = model.backward(dy, cache, grads)
    expected = one_by_one(model, x, dy)
    for mine, theirs in zip((y, dx, grads.flat), expected, strict=True):
        agree(mine, kernels.as_numpy(theirs))


def test_on_numpy_arrays_nothing_is_fused():
    model = FUSED["convolution, relu, pooling"][0]()
    _, (_, steps) = model.forward(numbers(1, (9, 2, 6, 6)))
    assert [step.layer for step in steps] == list(model)


def test_other_layers_put_into_a_sequence_are_those_that_run():
    model, x = FUSED["convolution, relu"][0](), Lanes.pack(numbers(1, (9, 2, 6, 6)))
    model.forward(x)
    changed = model.map(lambda name, layer: nn.Tanh() if isinstance(layer, nn.ReLU) else layer)
    for other in (changed, model.copy().map(lambda name, layer: layer)):
        agree(other.forward(x)[0], other.copy(np.float64).forward(x.numpy().astype(float))[0])
    copied = model.copy()
    copied.flat[...] = 0
    assert not copied.forward(x)[0].numpy().any()
    assert model.forward(x)[0].numpy().any()


@pytest.mark.parametrize(
    "case", [c for c in CASES if dict(c.make().named_params())], ids=lambda case: case.name
)
def test_parameters_in_float64_are_refused(case):
    layer = case.layer(np.float64)
    with pytest.raises(ShapeError, match="float32"):
        layer.forward(Lanes.pack(case.x()), False, KEY)


# A layer of one's own -----------------------------------------------------------------------------


class Scale(nn.Layer):
    """y = s * x by channel, in plain NumPy; and how many images were committed."""

    def __init__(self, channels):
        self.channels = channels
        self.scale = nn.Param((channels,), nn.Constant(1.5))
        self.seen = nn.Buffer((1,), 0.0)

    def forward(self, x, train=False, key=None):
        assert type(x) is np.ndarray
        scale = self.scale.value.reshape(-1, *(1,) * (x.ndim - 2))
        return x * scale, (x, scale)

    def backward(self, dy, cache, grads, need_dx=True):
        assert type(dy) is np.ndarray
        x, scale = cache
        grads["scale"] += (dy * x).sum(axis=(0, *range(2, x.ndim)))
        return dy * scale if need_dx else None

    def commit(self, cache):
        self.seen.value[...] += len(cache[0])


def conv():
    return nn.Conv2d(2, 2, 3, padding=1)


OWN = {
    "alone": lambda: Scale(2),
    "in Sequential": lambda: nn.Sequential(conv(), Scale(2), nn.ReLU()),
    "first": lambda: nn.Sequential(Scale(2), conv()),
    "in Concat": lambda: nn.Concat(Scale(2), conv(), Scale(2)),
    "as body": lambda: nn.Residual(Scale(2), conv()),
    "as shortcut": lambda: nn.Residual(conv(), Scale(2)),
    "nested": lambda: nn.Sequential(
        nn.Residual(nn.Sequential(conv(), Scale(2))), nn.Concat(nn.Sequential(Scale(2)))
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_a_layer_of_ones_own_in_plain_numpy_is_unpacked_for(name):
    single = OWN[name]().init(np.random.default_rng(3))
    exact = single.copy(np.float64)
    x, results = numbers(4, (9, 2, 5, 5)), []
    for layer, array in ((single, Lanes.pack(x)), (exact, x.astype(np.float64))):
        y, cache = forward(layer, array, True, KEY)
        dy = numbers(5, y.shape)
        dy = Lanes.pack(dy) if layer is single else dy.astype(np.float64)
        grads, less = layer.new_grads(), layer.new_grads()
        dx = backward(layer, dy, cache, grads)
        assert type(y) is type(dx) is type(array)
        assert backward(layer, dy, cache, less, need_dx=False) is None
        np.testing.assert_allclose(less.flat, grads.flat, rtol=1e-5)
        commit(layer, cache)
        results.append((y, dx, grads.flat, layer.flat_buffers))
    for mine, theirs in zip(*results, strict=True):
        agree(mine, theirs)
    is_gradient(results[0][1])
    assert (single.flat_buffers == 9).all()


def test_a_subclass_with_a_forward_of_its_own_gets_numpy_arrays():
    class Doubled(nn.Tanh):
        def forward(self, x, train=False, key=None):
            assert type(x) is np.ndarray
            y, cache = super().forward(x, train, key)
            return 2 * y, cache

    class Renamed(nn.Tanh):
        """Nothing else."""

    assert Doubled.arrays == (np.ndarray,)
    assert Renamed.arrays == nn.Tanh.arrays
    x = numbers(1, (9, 4))
    y, _ = nn.Sequential(Doubled()).forward(Lanes.pack(x))
    agree(y, 2 * np.tanh(x.astype(np.float64)))


class Plain(nn.Layer):
    """A whole classifier in plain NumPy, which is in no container."""

    def __init__(self):
        self.weight = nn.Param((10, 144), nn.Normal(0.1))

    def forward(self, x, train=False, key=None):
        assert type(x) is np.ndarray
        flat = x.reshape(len(x), -1)
        return flat @ self.weight.value.T, flat

    def backward(self, dy, cache, grads, need_dx=True):
        grads["weight"] += dy.T @ cache
        return (dy @ self.weight.value).reshape(-1, 1, 12, 12)


TRAINED = {
    "alone": Plain,
    "in a network": lambda: nn.Sequential(
        nn.Conv2d(1, 4, 3), Scale(4), nn.Tanh(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(100, 10)
    ),
}


@pytest.mark.parametrize("name", TRAINED)
def test_a_layer_of_ones_own_is_trained_on_lanes_as_on_the_reference(name):
    curves = []
    for layout in ("lanes", "reference"):
        model = TRAINED[name]().init(np.random.default_rng(0))
        model.card = replace(model.card, image_shape=(1, 12, 12))
        records = training.fit(
            model,
            blobs.pictures(60),
            rng=np.random.default_rng(1),
            loss=losses.CrossEntropy(),
            optimiser=optim.SGD(0.9),
            schedule=optim.Constant(0.05),
            batch_size=20,
            epochs=12,
            layout=layout,
        )
        curves.append([r.train_loss for r in records])
    assert curves[0][-1] < 0.5 * curves[0][0]
    np.testing.assert_allclose(*curves, rtol=1e-5)
