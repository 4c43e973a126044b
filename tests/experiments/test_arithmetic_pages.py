"""What the pages on kernels, products and orders compute where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import correlate2d

from byhand import kernels
from byhand.experiments import activation_pool_order as order
from byhand.experiments import matrix_forms, two_3x3
from byhand.experiments.lab import variants
from byhand.experiments.matrix_forms import matrices
from experiments.by_hand import Run
from experiments.telling import Unsaved, verdict


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture
def page(tmp_path):
    return Unsaved(tmp_path)


def trained_figures(designs, accuracy):
    """The record of designs with these accuracies over the seeds."""
    runs = {
        name: [Run(seed, [0.5], value, operations=5000) for seed, value in enumerate(values)]
        for name, values in zip(designs, accuracy, strict=True)
    }
    return variants.measured(runs, classes=10, pictures=900)


MORE, LESS, UNSURE = [0.91, 0.92, 0.93], [0.81, 0.82, 0.83], [0.70, 0.92, 0.99]

# two_3x3 --------------------------------------------------------------------------------------


def test_the_composed_kernel_does_what_both_do_one_after_the_other(rng):
    picture, first, second = (rng.standard_normal((n, n)) for n in (9, 3, 3))
    together = two_3x3.seen(picture, two_3x3.composed(first, second))
    np.testing.assert_allclose(two_3x3.seen(two_3x3.seen(picture, first), second), together)


def test_a_pair_of_kernels_has_seventeen_free_directions(rng):
    assert two_3x3.freedom(*rng.standard_normal((2, 3, 3))) == 17


def test_the_nearest_pair_of_a_composed_kernel_is_that_pair(rng):
    kernel = two_3x3.composed(*rng.standard_normal((2, 3, 3)))
    first, second, explained = two_3x3.nearest(kernel, seed=0)
    assert explained == pytest.approx(1)
    np.testing.assert_allclose(two_3x3.composed(first, second), kernel, atol=1e-5)
    assert np.abs(second).max() == pytest.approx(1)


def test_the_nearest_pair_of_most_kernels_leaves_something(rng):
    kernel = rng.standard_normal((5, 5))
    first, second, explained = two_3x3.nearest(kernel, seed=0)
    missing = kernel - two_3x3.composed(first, second)
    assert 0.4 < explained < 0.999
    assert 1 - explained == pytest.approx((missing**2).sum() / (kernel**2).sum(), abs=1e-6)


def test_the_picture_with_squares_apart_seen_by_hand():
    found = two_3x3.shown(two_3x3.squares(2, 5), two_3x3.squares(1, 3))
    assert found["picture"].shape == (7, 7)
    assert found["picture"].sum() == 8
    np.testing.assert_array_equal(found["one"], [[2, 4, 2], [4, 8, 4], [2, 4, 2]])
    np.testing.assert_array_equal(found["two"], [[3, 1, 0], [1, 2, 1], [0, 1, 3]])
    assert found["rank_correlation"] == pytest.approx(0.0962, abs=1e-4)


def test_squares_apart_are_two_different_small_kernels_exactly():
    # (1 + x)(1 + y)(1 + x³y³) = [(1 + x)(1 + y)(1 + xy)] · [1 − xy + x²y²]
    pair = two_3x3.composed(
        np.array([[1.0, 1, 0], [1, 2, 1], [0, 1, 1]]), np.diag([1.0, -1, 1])
    )  # fmt: skip
    np.testing.assert_array_equal(pair, two_3x3.squares(2, 5))
    assert two_3x3.nearest(two_3x3.squares(2, 5), seed=0)[2] == pytest.approx(1)


@pytest.fixture(scope="module")
def shapes():
    return {
        f"{name}_{key}": value
        for name, (large, small) in two_3x3.READINGS.items()
        for key, value in two_3x3.shown(
            two_3x3.squares(large, 5), two_3x3.squares(small, 3)
        ).items()
    }  # fmt: skip


def two_3x3_record(shapes, accuracy, explained=(0.8, 0.9), ranks=(0.1, 0.5)):
    kept = np.random.default_rng(0).standard_normal((8, 5, 5))
    record = {
        **trained_figures(two_3x3.DESIGNS, accuracy), **shapes, "freedom": 17,
        "drawn_explained": list(explained), "trained_explained": [0.9] * 8,
        "trained": kept, "trained_nearest": kept,
    }  # fmt: skip
    for name, rank in zip(two_3x3.READINGS, ranks, strict=True):
        record[f"{name}_rank_correlation"] = rank
    return record


def test_two_3x3_claims_what_the_seeds_and_kernels_bear_out(shapes, page):
    # one 5×5, two with ReLU, two without, eight 5×5, eight pairs
    two_3x3.report(two_3x3_record(shapes, [LESS, MORE, LESS, MORE, LESS]), page)
    assert verdict(page, "same order") is False
    assert verdict(page, "can be replaced") is False
    assert verdict(page, "activation between") is True
    assert verdict(page, "one channel, ReLU between") is True
    assert verdict(page, "eight 3×3") is False
    assert "17" in page.conclusions[0]


def test_two_3x3_says_where_nothing_can_be_told(shapes, page):
    record = two_3x3_record(shapes, [LESS, UNSURE, LESS, LESS, UNSURE], (1, 1), (0.95, 0.2))
    two_3x3.report(record, page)
    assert verdict(page, "same order") is None
    assert verdict(page, "can be replaced") is True
    assert verdict(page, "activation between") is None
    assert verdict(page, "eight 3×3") is None


# matrices and matrix_forms --------------------------------------------------------------------

FORMS = [
    ((1, 4, 4), (1, 1, 3, 3), 1, 0), ((2, 6, 5), (3, 2, 3, 2), 1, 0),
    ((2, 6, 5), (3, 2, 3, 3), (2, 1), (1, 2)), ((3, 5, 5), (2, 3, 5, 5), 1, 0),
]  # fmt: skip


def convolved(x, weight, stride, padding):
    """Convolution by SciPy's sums, with every stride-th place taken."""
    (sh, sw), (ph, pw) = np.broadcast_to(stride, 2), np.broadcast_to(padding, 2)
    padded = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    return np.array([
        [sum(correlate2d(picture[c], kernel[c], "valid") for c in range(len(kernel)))[::sh, ::sw]
         for kernel in weight]
        for picture in padded
    ])  # fmt: skip


@pytest.mark.parametrize(("picture", "weight", "stride", "padding"), FORMS)
def test_both_products_are_the_convolution(picture, weight, stride, padding, rng):
    x, w = rng.standard_normal((2, *picture)), rng.standard_normal(weight)
    expected = convolved(x, w, stride, padding)
    matrix = matrices.kernel_matrix(w, picture, stride, padding)
    np.testing.assert_allclose(matrices.by_picture(x, w, stride, padding), expected, atol=1e-12)
    np.testing.assert_allclose(
        matrices.by_kernel(x, matrix, w, stride, padding), expected, atol=1e-12
    )


@pytest.mark.parametrize(("picture", "weight", "stride", "padding"), FORMS)
def test_both_backwards_are_the_transposes_of_the_convolution(
    picture, weight, stride, padding, rng
):  # fmt: skip
    # Convolution is linear in x and in w, so that <dy, conv(x, w)> = <dx, x> = <dw, w> for all.
    x, w = rng.standard_normal((2, *picture)), rng.standard_normal(weight)
    y = convolved(x, w, stride, padding)
    dy = rng.standard_normal(y.shape)
    matrix = matrices.kernel_matrix(w, picture, stride, padding)
    for dx, dw in (
        matrices.by_picture_backward(dy, x, w, stride, padding),
        matrices.by_kernel_backward(dy, x, matrix, w, stride, padding),
    ):
        other_x, other_w = rng.standard_normal(x.shape), rng.standard_normal(w.shape)
        assert (dx * other_x).sum() == pytest.approx(
            (dy * convolved(other_x, w, stride, padding)).sum()
        )
        assert (dw * other_w).sum() == pytest.approx(
            (dy * convolved(x, other_w, stride, padding)).sum()
        )


def test_the_unfolded_kernel_has_each_weight_in_the_column_of_the_pixel_it_meets():
    kernel = np.arange(1.0, 5).reshape(1, 1, 2, 2)
    assert matrices.kernel_matrix(kernel, (1, 2, 3)).toarray().tolist() == [
        [1, 2, 0, 3, 4, 0],
        [0, 1, 2, 0, 3, 4],
    ]


def test_weights_that_meet_padding_are_in_no_column():
    matrix = matrices.kernel_matrix(np.ones((1, 1, 3, 3)), (1, 2, 2), 1, 1)
    assert matrix.toarray().tolist() == np.ones((4, 4)).tolist()
    assert matrix.nnz == 16


def test_an_unfolded_kernel_whose_gradient_is_too_large_has_no_backward(monkeypatch, rng):
    x, w = rng.standard_normal((1, 1, 4, 4)), rng.standard_normal((1, 1, 3, 3))
    dy = rng.standard_normal((1, 1, 2, 2))
    assert matrices.KERNEL in matrices.methods(x, w, dy)[1]
    monkeypatch.setattr(matrices, "DENSE_LIMIT", 8 * 4 * 16 - 1)
    assert matrices.KERNEL not in matrices.methods(x, w, dy)[1]


def test_the_bytes_of_one_convs_layer():
    weights = matrix_forms.weigh((1, 28, 28), (8, 1, 5, 5), 0)
    assert weights["pictures unfolded"] == 4 * 25 * 100 * 24 * 24
    assert weights["kernel unfolded, dense"] == 4 * (8 * 24 * 24) * (28 * 28)
    assert weights["not zero"] == 4 * 8 * 24 * 24 * 25
    # a value and a column of four bytes each, and where each row begins
    assert weights["kernel unfolded, sparse"] == 2 * weights["not zero"] + 4 * (8 * 24 * 24 + 1)


@pytest.fixture
def forms(lab):
    return matrix_forms.measure(lab)


def test_the_forms_agree_in_every_case_and_the_page_says_so(forms, page):
    methods = {row["method"] for row in forms["agreement"]}
    assert {matrices.PICTURE, matrices.KERNEL} <= methods
    matrix_forms.report(forms, page)
    assert [claim.holds for claim in page.claims] == [True, True]


def test_the_page_sees_a_gradient_that_does_not_agree(forms, page):
    forms["agreement"][-1]["float32"]["dweight"] = 0.1
    matrix_forms.report(forms, page)
    assert [claim.holds for claim in page.claims] == [True, False]


# activation_pool_order ------------------------------------------------------------------------


@pytest.fixture(params=["reference", "lanes"])
def layout(request):
    if request.param == "lanes" and kernels.resolve_layout("auto") != "lanes":
        pytest.skip("no compiled core here")
    return request.param


def test_max_pooling_and_relu_change_places_even_where_values_are_equal(layout, rng):
    x = rng.integers(-2, 3, (9, 3, 8, 6)).astype(np.float32)
    found = order.compared(x, "max", layout)
    assert found["windows"] == 9 * 3 * 4 * 3
    assert found["differ"] == found["gradients differ"] == 0
    assert found["largest is 0"] > 0


def test_average_pooling_and_relu_differ_where_a_window_has_both_signs(layout):
    x = np.full((8, 1, 4, 4), 2, np.float32)
    x[:, :, 0, 0] = -2  # of four windows the first: a mean of 1 or, with ReLU first, 1.5
    found = order.compared(x, "average", layout)
    assert found["differ"] == 0.25
    assert found["mean, ReLU first"] == pytest.approx(1.875)
    assert found["mean, pooling first"] == pytest.approx(1.75)
    assert found["gradients differ"] == pytest.approx(1 / 16)  # at the pixel below 0


def test_sharpness_is_the_step_between_neighbours_by_the_mean():
    flat, stripes = np.ones((1, 1, 4, 4)), np.tile([[[[0.0, 1.0]]]], (1, 1, 4, 2))
    assert order.sharpness(flat) == 0
    assert order.sharpness(stripes) == pytest.approx(1.0)  # (1 + 0) / 2 by 1/2


def order_record(accuracy, apart=0.0, same=True):
    rng = np.random.default_rng(0)
    rows = [
        {"numbers": what, **order.compared(rng.standard_normal((2, 1, 4, 4)).astype("f4"), pool)}
        for pool in order.POOLS
        for what in (order.WHOLE, "feature maps")
    ]
    if not same:
        rows[0]["gradients differ"] = 0.5
    rows[3] |= {"sharpness, ReLU first": 1.0, "sharpness, pooling first": 0.9 if same else 1.1}
    digit = rng.standard_normal((1, 2, 8, 8)).astype(np.float32)
    return {
        **trained_figures(order.DESIGNS, accuracy), "compared": rows,
        "weights_apart": [0.0, apart], "digit": digit[0],
        "digit_relu_first": order.relu_first(digit, "average")[0][0],
        "digit_pool_first": order.pool_first(digit, "average")[0][0],
        "relus": [4608, 1152],
        "seconds": {f"NumPy, max, {first} first": [1e-3, 3e-3] for first in ("ReLU", "pooling")},
    }  # fmt: skip


def test_the_page_on_orders_claims_what_its_record_has(page):
    order.report(order_record([MORE, MORE, MORE, LESS]), page)
    assert verdict(page, "max pooling") is True
    assert verdict(page, "not the same") is True
    assert verdict(page, "should come first") is True
    assert verdict(page, "blurred") is True
    assert "equal bit by bit" in page.conclusions[0]


def test_the_page_on_orders_sees_what_does_not_hold(page):
    order.report(order_record([MORE, MORE, UNSURE, MORE], 0.25, same=False), page)
    assert verdict(page, "max pooling") is False
    assert verdict(page, "should come first") is None
    assert verdict(page, "blurred") is False
    assert "0.2 apart" in page.conclusions[0]
