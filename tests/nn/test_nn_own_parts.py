"""Parts of one's own, in plain NumPy, work where all else is in lanes."""

from __future__ import annotations

import numpy as np
import pytest

import blobs
import support
from byhand import kernels, losses, models, nn, optim, training
from byhand.errors import InputError, ShapeError


class Hinge(losses.Loss):
    """A loss that knows nothing of lanes."""

    def forward(self, outputs, targets, n=None):
        margins = 1 - outputs * (2 * np.eye(outputs.shape[1])[targets] - 1)
        kept = margins > 0
        return float((margins * kept).sum() / len(outputs)), (kept, targets, outputs.shape)

    def backward(self, cache):
        kept, targets, (n, k) = cache
        return (-(2 * np.eye(k)[targets] - 1) * kept / n).astype(np.float32)

    def targets(self, labels, classes):
        return labels


class StraightThrough(nn.ReLU):
    """A ReLU whose gradient is let through everywhere."""

    def backward(self, dy, cache, grads, need_dx=True):
        return dy * np.ones(cache.shape, dy.dtype)


class Halved(optim.SGD):
    """SGD with half of the step."""

    def _update(self, w, g, state, r):
        w -= 0.5 * r * g


def curve(layout, layer=nn.ReLU, loss=losses.CrossEntropy(), optimiser=optim.SGD()):  # noqa: B008
    splits = blobs.splits(60, 10, size=8)
    model = nn.Sequential(nn.Conv2d(1, 3, 3), layer(), nn.Flatten(), nn.Linear(108, 10))
    model.init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=(1, 8, 8))
    records = training.fit(
        model, splits.train, rng=np.random.default_rng(1), loss=loss, optimiser=optimiser,
        schedule=optim.Constant(0.05), batch_size=12, epochs=2, layout=layout,
    )  # fmt: skip
    return [record.train_loss for record in records]


@pytest.mark.parametrize(
    "own",
    [{"loss": Hinge()}, {"layer": StraightThrough}, {"optimiser": Halved()}],
    ids=["loss", "backward", "update"],
)
def test_a_part_of_ones_own_trains_alike_on_both_arithmetics(own):
    support.require_core()
    np.testing.assert_allclose(curve("lanes", **own), curve("reference", **own), rtol=2e-5)
    assert not np.allclose(curve("reference", **own), curve("reference"), rtol=1e-4)


def test_a_float64_model_is_not_run_on_lanes_when_asked_to():
    support.require_core()
    model = models.build("tiny", np.random.default_rng(0), dtype=np.float64)
    splits = blobs.splits(20, 10, size=28)
    with pytest.raises(InputError, match=r"float64.*copy\(numpy\.float32\)"):
        next(training.fit(model, splits.train, rng=np.random.default_rng(0), epochs=1,
                          layout="lanes"))  # fmt: skip


def test_squares_of_a_part_of_the_gradient():
    model = models.build("tiny", np.random.default_rng(0))
    grads = model.new_grads()
    grads.flat[...] = np.random.default_rng(1).standard_normal(len(grads.flat))
    whole = grads.squares()
    assert grads.child("0").squares() == pytest.approx(
        {"weight": whole["0.weight"], "bias": whole["0.bias"]}, rel=1e-6
    )
    for name, value in whole.items():
        assert value == pytest.approx(float((grads[name].astype(float) ** 2).sum()), rel=1e-6)


def test_a_trace_of_lanes_goes_through_an_outermost_layer_in_numpy():
    support.require_core()
    layer = StraightThrough()
    layer.init(np.random.default_rng(0))
    x = np.random.default_rng(0).standard_normal((3, 10)).astype(np.float32)
    trace = nn.trace(layer, kernels.Lanes.pack(x), np.array([1, 2, 3]))
    assert np.array_equal(trace[0].output, np.maximum(x, 0))


@pytest.mark.parametrize("name", ["conv2d", "linear", "max_pool2d", "avg_pool2d", "relu"])
def test_a_gradient_of_more_images_than_there_were_is_refused(name):
    support.require_core()
    rng = np.random.default_rng(0)
    flat = name == "linear"
    x = kernels.Lanes.pack(rng.standard_normal((9, 6) if flat else (9, 2, 6, 6)))
    more = {
        "conv2d": (np.ones((3, 2, 3, 3), np.float32), None),
        "linear": (np.ones((4, 6), np.float32), None),
        "max_pool2d": (2,), "avg_pool2d": (2,), "relu": (),
    }[name]  # fmt: skip
    y, cache = getattr(kernels, name)(x, *more)
    dy = kernels.Lanes.pack(np.ones((16, *y.shape[1:])))
    with pytest.raises(ShapeError, match=r"shape \(16, .*gave \(9, "):
        getattr(kernels, f"{name}_backward")(dy, cache)
