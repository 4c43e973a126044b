"""Batch normalisation folded into the layer before it gives the same in evaluation."""

from __future__ import annotations

import numpy as np
import pytest

import byhand
from byhand import evaluation, kernels, nn


def trained(*layers, shape, seed=0):
    """A network whose running statistics and parameters are no starting values."""
    rng = np.random.default_rng(seed)
    model = nn.Sequential(*layers).init(rng, np.float64)
    for _, param in (*model.named_params(), *model.named_buffers()):
        param.value[...] = rng.normal(0.3, 0.7, param.value.shape)
    for name, buffer in model.named_buffers():
        if "var" in name:
            buffer.value[...] = rng.uniform(0.2, 3, buffer.value.shape)
    return model, rng.normal(0, 1, (5, *shape))


CASES = {
    "convolution": (lambda: (nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()),
                    (2, 6, 7), 1),
    "without bias": (lambda: (nn.Conv2d(2, 4, 3, use_bias=False), nn.BatchNorm2d(4)), (2, 6, 7), 1),
    "stride": (lambda: (nn.Conv2d(2, 3, 3, stride=2), nn.BatchNorm2d(3)), (2, 7, 7), 1),
    "linear": (lambda: (nn.Linear(5, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3)), (5,), 1),
    "two of them": (lambda: (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3),
                             nn.BatchNorm2d(2)), (1, 7, 7), 2),
    "twice in a row": (lambda: (nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.BatchNorm2d(3)),
                       (1, 7, 7), 2),
    "after an activation": (lambda: (nn.Conv2d(1, 3, 3), nn.ReLU(), nn.BatchNorm2d(3)),
                            (1, 7, 7), 0),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_folded_network_gives_what_the_whole_one_gives(case):
    layers, shape, fewer = CASES[case]
    model, x = trained(*layers(), shape=shape)
    before = {name: value.copy() for name, value in model.state_dict().items()}
    folded = nn.fold_batch_norm(model)
    assert len(folded.layers) == len(model.layers) - fewer
    expected, _ = model.forward(x)
    found, _ = folded.forward(x)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert all(np.array_equal(before[n], v) for n, v in model.state_dict().items())


def test_the_folded_network_is_a_model_of_its_own():
    model, x = trained(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), shape=(1, 6, 6))
    folded = nn.fold_batch_norm(model)
    assert folded.card is model.card
    expected = folded.forward(x)[0].copy()
    model.flat[...] = 0
    assert np.array_equal(folded.forward(x)[0], expected)


def test_what_cannot_be_folded_is_the_same_model():
    shared = nn.Conv2d(1, 1, 3, padding=1)
    twice = nn.Sequential(shared, nn.BatchNorm2d(1), shared).init(np.random.default_rng(0))
    assert nn.fold_batch_norm(twice) is twice
    plain = nn.Sequential(nn.Linear(3, 2), nn.ReLU()).init(np.random.default_rng(0))
    assert nn.fold_batch_norm(plain) is plain
    alone = nn.Linear(3, 2).init(np.random.default_rng(0))
    assert nn.fold_batch_norm(alone) is alone


def test_a_folded_network_is_saved_and_predicts_in_every_layout(tmp_path):
    layers = "conv 8 3 same, batchnorm, relu, maxpool 2, linear 16, batchnorm, relu, dropout 0.3"
    model = byhand.models.build("stack", np.random.default_rng(0), layers=layers)
    for name, buffer in model.named_buffers():
        if "mean" in name:
            buffer.value[...] = 0.1
    folded = nn.fold_batch_norm(model)
    byhand.save(folded, tmp_path / "m.safetensors")
    images = (np.random.default_rng(1).random((3, 28, 28)) * 255).astype(np.uint8)
    for layout in ("reference", "lanes") if kernels.arithmetic()[0] == "lanes" else ("reference",):
        expected = evaluation.predict(model, images, layout=layout)
        for network in (folded, byhand.load(tmp_path / "m.safetensors")):
            found = evaluation.predict(network, images, layout=layout)
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
