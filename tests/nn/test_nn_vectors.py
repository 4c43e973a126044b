"""The flat vectors: names, order, views, sharing, copies, and how parameters start."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn
from byhand.errors import ByhandError, ShapeError

NESTED = [
    "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
    "3.0.weight", "3.0.bias", "3.1.0.weight", "4.body.weight", "4.body.bias",
    "4.shortcut.weight", "4.shortcut.bias", "6.weight", "6.bias",
]  # fmt: skip


def nested():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Concat(nn.Conv2d(4, 2, 1), nn.Sequential(nn.Conv2d(4, 3, 1, use_bias=False))),
        nn.Residual(nn.Conv2d(5, 2, 1), shortcut=nn.Conv2d(5, 2, 1)),
        nn.Flatten(),
        nn.Linear(2 * 4 * 4, 3),
    )


def started(make=nested, dtype=np.float32, seed=0):
    return make().init(np.random.default_rng(seed), dtype)


def test_names_order_and_shapes_are_those_of_pytorchs_state_dict():
    model = started()
    state = model.state_dict()
    # As torch.nn.Sequential names them; its count of batches has no use here.
    assert list(state) == NESTED
    assert list(model.parameters()) == [n for n in NESTED if "running" not in n]
    assert list(model.buffers()) == [n for n in NESTED if "running" in n]
    assert state["0.weight"].shape == (4, 1, 3, 3)
    assert state["6.weight"].shape == (3, 32)  # (out, in)
    assert state["1.running_var"].shape == (4,)


def test_parameters_are_views_of_the_flat_vector_in_their_order():
    model = started()
    assert model.flat.ndim == model.flat_buffers.ndim == 1
    assert np.array_equal(
        model.flat, np.concatenate([p.ravel() for p in model.parameters().values()])
    )
    model.flat[...] = np.arange(model.flat.size)
    start = 0
    for name, view in model.parameters().items():
        assert np.shares_memory(view, model.flat)
        assert view.ravel().tolist() == list(range(start, start + view.size)), name
        start += view.size
    assert start == model.flat.size
    model.parameters()["6.bias"][0] = -1
    assert model[6].bias.value[0] == model.state_dict()["6.bias"][0] == model.flat[-3] == -1
    assert np.shares_memory(model.buffers()["1.running_mean"], model.flat_buffers)


def test_the_layers_compute_with_the_flat_vector():
    model = started()
    x = np.random.default_rng(1).standard_normal((2, 1, 6, 6)).astype(np.float32)
    assert model.forward(x)[0].any()
    model.flat[...] = 0
    assert not model.forward(x)[0].any()


def test_new_grads_are_zero_and_laid_out_as_the_parameters():
    model = started()
    grads = model.new_grads()
    assert grads.flat.shape == model.flat.shape
    assert grads.flat.dtype == model.flat.dtype
    assert not grads.flat.any()
    assert {n: g.shape for n, g in grads.items()} == {
        n: p.shape for n, p in model.parameters().items()
    }
    assert grads.child("4").child("body")["weight"] is not None
    grads.child("4").child("body")["weight"][...] = 7
    assert (grads["4.body.weight"] == 7).all()
    assert (grads.flat == 7).sum() == grads["4.body.weight"].size
    assert not model.new_grads().flat.any()


def shared():
    linear = nn.Linear(3, 3)
    return nn.Sequential(linear, nn.Tanh(), linear, nn.Tanh(), linear)


def test_a_layer_used_thrice_is_stored_once_under_three_names():
    model = started(shared)
    assert list(model.parameters()) == [f"{i}.{p}" for i in (0, 2, 4) for p in ("weight", "bias")]
    assert model.flat.size == 12
    model.parameters()["2.weight"][...] = 5
    assert (model.parameters()["0.weight"] == 5).all()


def test_the_gradient_of_a_layer_used_thrice_is_the_sum_over_its_uses():
    model = started(shared, np.float64)
    model.flat[9:] = [0.1, -0.2, 0.3]
    x = np.random.default_rng(1).standard_normal((4, 3))
    y, cache = model.forward(x)
    dy = np.random.default_rng(2).standard_normal(y.shape)
    grads = model.new_grads()
    dx = model.backward(dy, cache, grads)

    # The same numbers in three layers of their own.
    apart = nn.Sequential(
        nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3)
    ).init(np.random.default_rng(0), np.float64)
    apart.flat[...] = np.tile(model.flat, 3)
    y_apart, cache = apart.forward(x)
    grads_apart = apart.new_grads()
    dx_apart = apart.backward(dy, cache, grads_apart)
    assert np.array_equal(y, y_apart)
    np.testing.assert_allclose(dx, dx_apart, rtol=1e-12)
    np.testing.assert_allclose(grads.flat, grads_apart.flat.reshape(3, 12).sum(axis=0), rtol=1e-12)


def test_a_copy_has_the_same_numbers_and_shares_nothing():
    model = started()
    model.flat_buffers[...] = np.arange(8)
    other = model.copy()
    assert repr(other) == repr(model)
    for mine, theirs in ((model.flat, other.flat), (model.flat_buffers, other.flat_buffers)):
        assert np.array_equal(mine, theirs)
        assert not np.shares_memory(mine, theirs)
    x = np.random.default_rng(1).standard_normal((2, 1, 6, 6)).astype(np.float32)
    before = model.forward(x)[0]
    other.flat[...] = 0
    other.flat_buffers[...] = 1
    assert np.array_equal(model.forward(x)[0], before)
    assert np.shares_memory(other.state_dict()["0.weight"], other.flat)


def test_a_copy_in_another_float_type_has_the_same_numbers():
    model = started()
    other = model.copy(np.float64)
    assert other.flat.dtype == other.flat_buffers.dtype == np.float64
    assert np.array_equal(other.flat, model.flat)
    assert other.forward(np.ones((1, 1, 6, 6)))[0].dtype == np.float64
    assert model.flat.dtype == np.float32


def test_a_copy_keeps_shared_layers_shared():
    other = started(shared).copy()
    assert other[0] is other[2] is other[4]
    assert other.flat.size == 12


def test_a_copy_before_init_can_be_started_on_its_own():
    model = nested()
    other = model.copy().init(np.random.default_rng(0))
    assert np.array_equal(other.flat, started().flat)
    with pytest.raises(ByhandError):
        _ = model.flat


def test_load_state_dict_copies_in_all_parameters_and_buffers():
    model, other = started(), started(seed=1)
    other.flat_buffers[...] = 0.5
    model.load_state_dict(other.state_dict())
    assert np.array_equal(model.flat, other.flat)
    assert np.array_equal(model.flat_buffers, other.flat_buffers)
    assert not np.shares_memory(model.flat, other.flat)


def test_weights_that_do_not_fit_are_named_and_nothing_is_changed():
    model = started()
    before = model.flat.copy()
    values = {n: v + 1 for n, v in model.state_dict().items()}
    del values["0.bias"]
    values["9.weight"] = np.zeros(3)
    values["6.weight"] = np.zeros((5, 32))
    with pytest.raises(ShapeError) as caught:
        model.load_state_dict(values)
    for said in ("0.bias is missing", "9.weight is not in the model",
                 "6.weight is (5, 32) where the model has (3, 32)"):  # fmt: skip
        assert said in str(caught.value)
    assert np.array_equal(model.flat, before)
    with pytest.raises(ShapeError, match=r"and 11 more"):
        model.load_state_dict({})


def test_the_same_seed_starts_the_same_numbers_in_float32_and_float64():
    assert np.array_equal(started().flat, started().flat)
    assert not np.array_equal(started().flat, started(seed=1).flat)
    assert np.array_equal(started().flat, started(dtype=np.float64).flat.astype(np.float32))


def test_starting_values_are_drawn_in_the_order_of_the_names():
    model, rng = started(dtype=np.float64), np.random.default_rng(0)
    for name, param in model.named_params():
        assert np.array_equal(model.parameters()[name], param.initialiser.draw(param.shape, rng))
    assert (model.buffers()["1.running_mean"] == 0).all()
    assert (model.buffers()["1.running_var"] == 1).all()


def test_a_layer_used_thrice_is_drawn_once():
    model, rng = started(shared, np.float64), np.random.default_rng(0)
    assert np.array_equal(model.parameters()["0.weight"], nn.He().draw((3, 3), rng))


def test_starting_again_draws_anew():
    model = started()
    first = model.flat.copy()
    model.init(np.random.default_rng(1))
    assert not np.array_equal(model.flat, first)
    assert np.array_equal(model.init(np.random.default_rng(0)).flat, first)


@pytest.mark.parametrize(
    "use",
    [
        lambda m: m.forward(np.zeros((1, 1, 6, 6), np.float32)),
        lambda m: m.flat,
        lambda m: m.flat_buffers,
        lambda m: m.parameters(),
        lambda m: m.buffers(),
        lambda m: m.state_dict(),
        lambda m: m.new_grads(),
        lambda m: nn.summary(m, (1, 6, 6)),
        lambda m: nn.trace(m, np.zeros((1, 1, 6, 6), np.float32)),
        lambda m: nn.gradcheck(m, np.zeros((1, 1, 6, 6))),
    ],
)
def test_a_model_used_before_init_says_to_call_init(use):
    with pytest.raises(ByhandError, match=r"call .*init\(numpy\.random\.default_rng\(seed\)\)"):
        use(nested())


def test_a_layer_inside_a_model_says_to_ask_the_model_for_the_vector():
    with pytest.raises(ByhandError, match="ask the container it is in"):
        _ = started()[0].flat
