"""A layer of one's own, in plain NumPy, does all that the others do."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import losses, nn


@pytest.fixture
def swish(own_registry):
    @nn.register
    class Swish(nn.Layer):
        """y = x * sigmoid(beta * x), one beta a channel; and how often it was committed."""

        def __init__(self, channels, beta=1.0):
            self.channels = channels
            self.beta = beta
            self.slope = nn.Param((channels,), nn.Constant(beta))
            self.seen = nn.Buffer((1,), 0.0)

        def forward(self, x, train=False, key=None):
            slope = self.slope.value.reshape(-1, *(1,) * (x.ndim - 2))
            s = 1 / (1 + np.exp(-slope * x))
            return x * s, (x, s, slope)

        def backward(self, dy, cache, grads, need_dx=True):
            x, s, slope = cache
            axes = (0, *range(2, x.ndim))
            grads["slope"] += (dy * x * x * s * (1 - s)).sum(axis=axes)
            return dy * (s + x * slope * s * (1 - s))

        def commit(self, cache):
            self.seen.value[...] += len(cache[0])

    return Swish


def network(swish):
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), swish(3, beta=0.7), nn.Flatten(), nn.Linear(48, 4), swish(4)
    )


def pictures(dtype=np.float64):
    rng = np.random.default_rng(1)
    return rng.standard_normal((5, 1, 6, 6)).astype(dtype), rng.integers(0, 4, 5)


def test_its_gradients_are_checked_alone_and_inside_a_network(swish):
    alone = swish(2).init(np.random.default_rng(0))
    assert nn.gradcheck(alone, np.random.default_rng(0).standard_normal((3, 2, 4)))
    model = network(swish).init(np.random.default_rng(0))
    report = nn.gradcheck(model, pictures()[0])
    assert report, f"\n{report}"
    assert "1.slope" in [c.name for c in report.comparisons]


def test_it_is_initialised_named_and_counted_as_any_layer(swish):
    model = network(swish).init(np.random.default_rng(0))
    assert model.parameters()["1.slope"].tolist() == pytest.approx([0.7] * 3)
    assert list(model.buffers()) == ["1.seen", "4.seen"]
    table = nn.summary(model, (1, 6, 6))
    assert [r.output_shape for r in table.rows] == [(3, 4, 4), (3, 4, 4), (48,), (4,), (4,)]
    assert table.rows[1].layer == "Swish"
    assert table.rows[1].parameters == 3
    assert repr(model[1]) == "Swish(channels=3, beta=0.7)"
    seen = nn.trace(model, *pictures(np.float32))
    assert seen["1"].grads["slope"].shape == (3,)


def test_it_is_trained_committed_saved_loaded_and_copied(swish, tmp_path):
    model = network(swish).init(np.random.default_rng(0))
    (x, labels), loss = pictures(np.float32), losses.CrossEntropy()
    values = []
    for step in range(30):
        y, cache = model.forward(x, train=True, key=nn.Key(0, step))
        value, loss_cache = loss.forward(y, labels)
        values.append(value)
        grads = model.new_grads()
        model.backward(loss.backward(loss_cache), cache, grads, need_dx=False)
        model.flat[...] -= 0.3 * grads.flat
        model.commit(cache)
    assert values[-1] < 0.1 * values[0]
    assert model.flat_buffers.tolist() == [150, 150]
    assert not np.allclose(model.parameters()["1.slope"], 0.7, atol=1e-3)

    nn.save(model, tmp_path / "model")
    for again in (nn.load(tmp_path / "model"), model.copy()):
        assert type(again[1]) is swish
        assert again[1].beta == 0.7
        assert np.array_equal(again.forward(x)[0], model.forward(x)[0])
        assert again.flat_buffers.tolist() == [150, 150]


def test_an_attribute_that_is_a_parameter_is_found_in_the_order_of_the_class(own_registry):
    class Two(nn.Layer):
        def __init__(self):
            self.second = nn.Param((2,), nn.Constant(2))
            self.statistic = nn.Buffer((1,), 5)
            self.first = nn.Param((1,), nn.Constant(1))

    layer = Two().init(np.random.default_rng(0))
    assert list(layer.state_dict()) == ["second", "first", "statistic"]
    assert layer.flat.tolist() == [2, 2, 1]


def test_a_layer_without_a_forward_or_backward_says_so():
    layer = nn.Layer().init(np.random.default_rng(0))
    with pytest.raises(NotImplementedError):
        layer.forward(np.ones((1, 2)))
    with pytest.raises(NotImplementedError):
        layer.backward(np.ones((1, 2)), None, layer.new_grads())
