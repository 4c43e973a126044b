"""Tracing shows what a pass by hand shows, and changes nothing."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import losses, nn

KEY = nn.Key(2, 3)


def chain():
    return nn.Sequential(
        nn.Conv2d(1, 3, 3),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.4),
        nn.Linear(12, 4),
    )


def branching():
    return nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.Residual(nn.Sequential(nn.Tanh(), nn.Conv2d(2, 2, 1)), nn.Conv2d(2, 2, 1)),
        nn.Concat(nn.ReLU(), nn.Sequential(nn.Sigmoid(), nn.Dropout(0.3))),
        nn.Flatten(),
        nn.Linear(64, 4),
    )


def started(make, dtype=np.float64):
    return make().init(np.random.default_rng(0), dtype)


def pictures(n=5):
    rng = np.random.default_rng(1)
    return rng.standard_normal((n, 1, 6, 6)), rng.integers(0, 4, n)


@pytest.mark.parametrize("train", [False, True])
def test_every_layers_part_agrees_with_the_chain_by_hand(train):
    model, (x, labels) = started(chain), pictures()
    seen = nn.trace(model, x, labels, train=train, key=KEY)
    assert len(seen) == 7
    assert [t.name for t in seen] == list("0123456")
    assert [t.kind for t in seen] == [type(layer).__name__ for layer in model]

    caches, inputs, outputs = [], [], []
    for i, layer in enumerate(model):
        inputs.append(x)
        x, cache = layer.forward(x, train, KEY.child(i))
        caches.append(cache)
        outputs.append(x)
    loss = losses.CrossEntropy()
    value, cache = loss.forward(x, labels)
    assert seen.loss == pytest.approx(value, rel=1e-12)
    assert np.array_equal(seen.output, x)
    dy = loss.backward(cache)
    for i in reversed(range(7)):
        step, layer = seen[i], model[i]
        assert step.layer is layer
        assert np.array_equal(step.input, inputs[i])
        assert np.array_equal(step.output, outputs[i])
        np.testing.assert_allclose(step.dy, dy, rtol=1e-12, atol=1e-15)
        grads = nn.NamedVector(layer.named_params(), np.float64)
        dy = layer.backward(dy, caches[i], grads)
        np.testing.assert_allclose(step.dx, dy, rtol=1e-12, atol=1e-15)
        assert list(step.grads) == [name for name, _ in layer.named_params()]
        for name, grad in grads.items():
            np.testing.assert_allclose(step.grads[name], grad, rtol=1e-12, atol=1e-15)
        # The cache is the layer's own: backward takes it.
        again = layer.backward(
            step.dy, step.cache, nn.NamedVector(layer.named_params(), np.float64)
        )
        assert np.array_equal(again, step.dx)


@pytest.mark.parametrize("make", [chain, branching])
@pytest.mark.parametrize("train", [False, True])
def test_the_parts_are_those_of_one_pass_of_the_whole_model(make, train):
    model, (x, labels) = started(make), pictures()
    seen = nn.trace(model, x, labels, train=train, key=KEY)
    y, cache = model.forward(x, train, KEY)
    loss = losses.CrossEntropy()
    _, loss_cache = loss.forward(y, labels)
    grads = model.new_grads()
    dx = model.backward(loss.backward(loss_cache), cache, grads)
    assert np.array_equal(seen.output, y)
    np.testing.assert_allclose(seen["0"].dx, dx, rtol=1e-12, atol=1e-15)
    traced = {f"{t.name}.{p}": g for t in seen for p, g in t.grads.items()}
    assert list(traced) == list(grads)
    for name, grad in grads.items():
        np.testing.assert_allclose(traced[name], grad, rtol=1e-12, atol=1e-15)


def test_layers_inside_containers_are_named_as_their_parameters_and_in_order():
    model, (x, labels) = started(branching), pictures()
    seen = nn.trace(model, x, labels)
    names = ["0", "1.body.0", "1.body.1", "1.shortcut", "2.0", "2.1.0", "2.1.1", "3", "4"]
    assert [t.name for t in seen] == names == [name for name, _ in nn.leaves(model)]
    assert seen["1.shortcut"].layer is model[1].shortcut
    assert np.array_equal(seen["1.body.0"].input, seen["0"].output)
    assert np.array_equal(seen["1.body.1"].output + seen["1.shortcut"].output, seen["2.0"].input)
    both = np.concatenate([seen["2.0"].output, seen["2.1.1"].output], axis=1)
    assert np.array_equal(seen["3"].input, both)
    # The gradient of a fork is the sum over its ways; a sum hands its gradient to both.
    np.testing.assert_allclose(seen["0"].dy, seen["1.body.0"].dx + seen["1.shortcut"].dx)
    np.testing.assert_allclose(seen["1.body.1"].dy, seen["2.0"].dx + seen["2.1.0"].dx)
    assert np.array_equal(seen["1.shortcut"].dy, seen["1.body.1"].dy)
    with pytest.raises(KeyError):
        seen["1.body"]


def test_without_labels_there_are_no_gradients():
    model, (x, _) = started(chain), pictures()
    seen = nn.trace(model, x)
    assert seen.loss is None
    assert np.array_equal(seen.output, model.forward(x)[0])
    for step in seen:
        assert step.dy is None
        assert step.dx is None
        assert step.grads == {}


@pytest.mark.parametrize("make", [chain, branching])
def test_tracing_changes_nothing_in_the_model(make):
    model, (x, labels) = started(make), pictures()
    plain = repr(model)
    layers = [layer for _, layer in nn.leaves(model)]
    numbers = model.flat.copy(), model.flat_buffers.copy()
    y = model.forward(x)[0]
    nn.trace(model, x, labels, train=True, key=KEY)
    assert repr(model) == plain
    assert [layer for _, layer in nn.leaves(model)] == layers
    assert np.array_equal(model.flat, numbers[0])
    assert np.array_equal(model.flat_buffers, numbers[1])
    assert np.array_equal(model.forward(x)[0], y)


def test_a_layer_used_twice_is_seen_twice_each_use_with_its_part_of_the_gradient():
    linear = nn.Linear(6, 6)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 6), linear, nn.Tanh(), linear)
    model.init(np.random.default_rng(0), np.float64)
    x, labels = pictures()
    seen = nn.trace(model, x, labels)
    assert [t.name for t in seen] == list("01234")
    assert seen["2"].layer is seen["4"].layer is linear
    y, cache = model.forward(x)
    loss = losses.CrossEntropy()
    grads = model.new_grads()
    model.backward(loss.backward(loss.forward(y, labels)[1]), cache, grads)
    parts = [seen[use].dy.T @ seen[use].input for use in ("2", "4")]
    for use, part in zip(("2", "4"), parts, strict=True):
        np.testing.assert_allclose(seen[use].grads["weight"], part, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(sum(parts), grads["2.weight"], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(seen["4"].dx, seen["3"].dy, rtol=1e-12)
    np.testing.assert_allclose(seen["2"].dy, seen["3"].dx, rtol=1e-12)
    np.testing.assert_allclose(seen["4"].dy @ linear.weight.value, seen["4"].dx, rtol=1e-12)


def test_a_single_layer_can_be_traced():
    layer = nn.Linear(3, 4).init(np.random.default_rng(0), np.float64)
    x = np.random.default_rng(1).standard_normal((2, 3))
    seen = nn.trace(layer, x, np.array([1, 3]))
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0].grads["weight"], seen[0].dy.T @ x)


def test_a_trace_prints_a_line_a_layer():
    model, (x, labels) = started(branching), pictures()
    lines = str(nn.trace(model, x, labels)).splitlines()
    assert len(lines) == 9
    assert "Conv2d" in lines[0]
    assert "(5, 1, 6, 6) -> (5, 2, 4, 4)" in lines[0]
    assert "|dweight|" in lines[0]
    assert "|d" not in lines[1]


def test_watching_tells_of_every_forward_and_backward_in_order():
    model, (x, _) = started(branching), pictures()
    told = []
    watched = nn.watch(
        model,
        lambda name, layer, x, y, cache: told.append(("forward", name)),
        lambda name, dy, dx, grads: told.append(("backward", name)),
    )
    y, cache = watched.forward(x)
    names = [name for name, _ in nn.leaves(model)]
    assert told == [("forward", name) for name in names]
    told.clear()
    watched.backward(y, cache, model.new_grads())
    assert {name for _, name in told} == set(names)
    assert told[0] == ("backward", "4")
    assert told[-1] == ("backward", "0")
