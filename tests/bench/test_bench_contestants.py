"""The cases, what byhand does in them, and that every contestant computes the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from byhand import evaluation, kernels, losses, nn
from byhand.bench import CASES, PEERS, Disagreement, choose_cases, choose_peers, peers
from byhand.bench.agreement import check, clear_pictures, difference, margins
from byhand.bench.cases import convolutions
from byhand.bench.contestant import CHECK_RATES
from byhand.bench.ours import INFERENCE_BATCH, Byhand, Reference
from byhand.errors import InputError


def test_cases_are_chosen_by_name_or_by_network():
    assert choose_cases() == choose_cases([]) == CASES
    assert [c.name for c in choose_cases(["tiny"])] == ["tiny", "tiny_b64"]
    assert [c.name for c in choose_cases(["lenet5", "tiny_b64"])] == ["tiny_b64", "lenet5"]
    with pytest.raises(InputError, match="no network 'vgg' to time; there are: one_conv, two_conv"):
        choose_cases(["lenet5", "vgg"])


def test_a_case_starts_from_the_same_weights_and_data_each_time(small):
    np.testing.assert_array_equal(small.model().flat, small.model(dropout=False).flat)
    for first, second in zip(small.data(), small.data(), strict=True):
        np.testing.assert_array_equal(first, second)
    assert small.data(5)[0].shape == (5, 1, 28, 28)
    rates = [layer.rate for layer in small.model(dropout=False) if isinstance(layer, nn.Dropout)]
    assert rates == [0.0, 0.0]


def test_the_convolutions_of_a_case(small):
    found = convolutions(small)
    assert [c.layer for c in found] == ["0", "2", "5", "7", "10", "12"]
    assert found[3].x_shape == (3, 32, 14, 14)
    assert found[3].y_shape == (3, 32, 16, 16)
    summed = sum(
        row.operations for row in nn.summary(small.model(), (1, 28, 28)).rows if "Conv" in row.layer
    )
    assert sum(c.operations for c in found) == 3 * summed


def contestant(kind, case):
    return kind(case, case.model(dropout=False), 1, CHECK_RATES[case.optimiser])


def test_our_gradients_and_steps_are_those_of_the_layers(small):
    ours, model = contestant(Byhand, small), small.model(dropout=False)
    x, labels = small.data()
    outputs, cache = model.forward(kernels.as_layout(x), train=True, key=nn.Key(0, 0))
    loss = losses.CrossEntropy()
    value, loss_cache = loss.forward(outputs, labels)
    grads = model.new_grads()
    model.backward(loss.backward(loss_cache), cache, grads, need_dx=False)
    batch = ours.batch(x, labels)
    found = ours.gradients(batch)
    assert list(found) == list(grads)
    for name, expected in grads.items():
        np.testing.assert_array_equal(found[name], expected)
    assert ours.step(batch) == value
    # The first step of Adam moves each weight by the rate, against its gradient.
    moved = ours.model.flat - model.flat
    large = np.abs(grads.flat) > 1e-3
    np.testing.assert_allclose(
        moved[large], -CHECK_RATES["adam"] * np.sign(grads.flat[large]), rtol=1e-2
    )
    assert ours.step(batch) < value


def test_our_inference_is_that_of_evaluation(tiny):
    ours = contestant(Byhand, tiny)
    n = 2 * INFERENCE_BATCH + 3
    x = np.random.default_rng(0).random((n, 1, 28, 28), np.float32)
    expected = evaluation.logits(ours.model, x)
    found = ours.infer(x)
    assert found.shape == (n, 10)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(ours.infer(x[:1]), expected[:1], atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("kind", [Byhand, Reference])
def test_an_epoch_is_every_picture_once(tiny, kind):
    images = np.random.default_rng(0).integers(0, 256, (6, 1, 28, 28), np.uint8)
    labels = np.arange(6)
    seen = {}
    for x, y in contestant(kind, tiny).epoch(images, labels, np.random.default_rng(1)):
        seen |= dict(zip(y.tolist(), kernels.as_numpy(x), strict=True))
    assert sorted(seen) == list(range(6))
    for label, picture in seen.items():
        np.testing.assert_allclose(picture, images[label] / 255, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("peer", list(PEERS))
def test_every_peer_computes_what_byhand_computes(small, peer):
    lacking = peers.missing(peer)
    if lacking:
        pytest.skip(f"{lacking} is not installed")
    kinds, notes = choose_peers([peer])
    assert notes == ()
    found = check(small, (Byhand, *kinds), 1)
    assert list(found) == ["byhand", *(kind.name for kind in kinds)]
    for kind in kinds:
        trained = {name: value is not None for name, value in found[kind.name].items()}
        assert trained == {"outputs": True, "gradients": kind.trains, "losses": kind.trains}
        if kind.trains:
            x, labels = small.data()
            given = np.round(255 * np.abs(x) / np.abs(x).max()).astype(np.uint8)
            batch = next(contestant(kind, small).epoch(given, labels, np.random.default_rng(0)))
            ours = next(contestant(Byhand, small).epoch(given, labels, np.random.default_rng(0)))
            mine, theirs = contestant(Byhand, small).step(ours), contestant(kind, small).step(batch)
            assert theirs == pytest.approx(mine, rel=1e-5)


class Wrong(Byhand):
    """byhand with something broken."""

    name = "wrong"


class WrongOutputs(Wrong):
    def infer(self, x):
        return super().infer(x) + np.float32(1e-2)


class NoOutputs(Wrong):
    def infer(self, x):
        return np.nan * super().infer(x)


class WrongGradient(Wrong):
    def gradients(self, batch):
        found = super().gradients(batch)
        found["16.weight"][0, 0] += 1e-2 * np.abs(found["16.weight"]).max()
        return found


class OtherGradients(Wrong):
    def gradients(self, batch):
        return {"0.weight": super().gradients(batch)["0.weight"]}


class NoUpdate(Wrong):
    def step(self, batch):
        return self._backward(batch)


@pytest.mark.parametrize(("kind", "what"), [
    (WrongOutputs, "wrong and the definition of deep_convnet differ in the outputs"),
    (NoOutputs, "differ in the outputs by nan"),
    (WrongGradient, "differ in the gradient of 16.weight by 1.0e-02"),
    (OtherGradients, "has gradients of 0.weight where"),
    (NoUpdate, "differ in the losses"),
])  # fmt: skip
def test_who_computes_something_else_is_not_timed(small, kind, what):
    with pytest.raises(Disagreement, match=f"{what}.*nothing was timed"):
        check(small, (Byhand, kind), 1)


def test_differences_are_relative_to_the_largest_value():
    assert difference(np.array([4.0, 1.5]), np.array([4.0, 1.0])) == 0.125
    assert difference(np.array([0.25]), np.array([0.0])) == 0.25
    assert difference(np.zeros(3), np.zeros(2)) == np.inf


def test_pictures_near_a_tie_are_not_checked_with(small):
    model = nn.Sequential(nn.MaxPool2d(2), nn.ReLU()).init(np.random.default_rng(0))
    x = np.full((4, 1, 2, 2), -8.0, np.float32)
    x[:, 0, 0] = [[5.0, 4.0], [5.0, 5.0], [-1.0, -1.0], [0.0, -1.0]]
    # The first by 1 of 8 between the two; a tie; a tie below 0, which no gradient comes to, and 1
    # of 5 from the ReLU's edge; on that edge.
    np.testing.assert_allclose(margins(model, x), [1 / 8, 0, 1 / 5, 0])

    network = small.model(dropout=False)
    drawn, kept = small.data(4 * small.batch), clear_pictures(small, network)
    all_margins = margins(network, drawn[0])
    best = np.sort(np.argsort(-all_margins)[: small.batch])
    np.testing.assert_array_equal(kept[0], drawn[0][best])
    np.testing.assert_array_equal(kept[1], drawn[1][best])
    assert 0 < all_margins.min() < all_margins[best].min()


def test_peers_are_chosen_by_name(monkeypatch):
    with pytest.raises(InputError, match="no peer 'caffe'; there are: torch, jax, onnxruntime"):
        choose_peers(["caffe"])
    assert choose_peers([]) == ((), ())
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == "optax" else object())
    kinds, notes = choose_peers()
    assert [kind.name for kind in kinds] == ["torch", "torch channels_last", "onnxruntime"]
    assert notes == ("jax is not timed: optax is not installed (pip install 'byhand[bench]')",)
    with pytest.raises(InputError, match="jax cannot be timed: optax is not installed; pip"):
        choose_peers(["torch", "jax"])


def test_contestants_by_name():
    for kinds, _, _ in PEERS.values():
        for kind in kinds:
            assert peers.contestant(kind.name) is kind
    assert peers.contestant("byhand") is Byhand
    with pytest.raises(InputError, match="no 'caffe' to be timed; there are: byhand"):
        peers.contestant("caffe")


def test_the_small_case_is_the_network_itself(small):
    assert small == replace(choose_cases(["deep_convnet"])[0], batch=3)
