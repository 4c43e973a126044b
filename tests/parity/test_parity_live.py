"""Every layer, loss, optimiser and schedule gives PyTorch's numbers, in each arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

import support
from byhand import kernels, losses, nn, optim
from parity.helper import TOLERANCE, agree, arithmetics
from parity.layer_cases import LAYERS
from parity.other_cases import LOSSES, OPTIMISERS, SCHEDULES
from parity.tables import CASES


@pytest.mark.parametrize(("case", "dtype", "layout"), arithmetics(CASES))
def test_a_case_agrees_with_pytorch(case, dtype, layout):
    torch = support.require_torch()
    agree(case.ours(dtype, layout), case.theirs(torch, dtype), TOLERANCE[dtype])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, 0), ((2, 3), (2, 1), (1, 0)), ((3, 1), 2, (0, 2))]
)
def test_im2col_and_col2im_agree_with_unfold_and_fold(kernel, stride, padding):
    torch = support.require_torch()
    x = np.random.default_rng(0).standard_normal((2, 3, 6, 7))
    cols = kernels.im2col(x, kernel, stride, padding)  # (C*KH*KW, N*OH*OW)
    arguments = {"kernel_size": kernel, "stride": stride, "padding": padding}
    theirs = torch.nn.functional.unfold(torch.tensor(x), **arguments)  # (N, C*KH*KW, OH*OW)
    assert np.array_equal(cols.reshape(len(cols), 2, -1).transpose(1, 0, 2), theirs.numpy())
    back = kernels.col2im(cols, x.shape, kernel, stride, padding)
    folded = torch.nn.functional.fold(theirs, x.shape[2:], **arguments)
    np.testing.assert_allclose(back, folded.numpy(), rtol=1e-14, atol=1e-14)


def _inside(layer):
    yield type(layer).__name__
    for child in layer.children().values():
        yield from _inside(child)


def test_no_layer_loss_optimiser_or_schedule_is_without_a_case():
    layers = {name for case in LAYERS for name in _inside(case.subject)}
    own = {k for k, v in nn.registered().items() if v.__module__.startswith("byhand.")}
    assert own <= layers
    for table, registry in (
        (LOSSES, losses.LOSSES),
        (OPTIMISERS, optim.OPTIMISERS),
        (SCHEDULES, optim.SCHEDULES),
    ):
        assert {type(case.subject).__name__ for case in table} == set(registry)


def test_no_two_cases_have_one_name():
    names = [case.name for case in CASES]
    assert sorted(set(names)) == sorted(names)


@pytest.mark.parametrize("case", LAYERS, ids=repr)
def test_the_parameters_gradients_do_not_depend_on_whether_dx_is_needed(case):
    layer = case.subject.copy().init(np.random.default_rng(0), np.float64)
    shape = case.ours(np.float64)["dx"].shape
    rng = np.random.default_rng(1)
    y, cache = layer.forward(rng.standard_normal(shape))
    dy = rng.standard_normal(y.shape)
    with_dx, without = layer.new_grads(), layer.new_grads()
    layer.backward(dy, cache, with_dx, need_dx=True)
    layer.backward(dy, cache, without, need_dx=False)
    assert np.array_equal(with_dx.flat, without.flat)
