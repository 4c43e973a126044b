"""What the pages on kernels compute and conclude where the answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from byhand import evaluation, recipes
from byhand.data import Dataset
from byhand.errors import InputError
from byhand.experiments import ablate_kernels, binarised, channels, feature_maps
from byhand.experiments.lab import first_kernels, readings
from byhand.experiments.lab.train import task
from experiments.telling import Unsaved, verdict


def described(kind, strength=0.7):
    words = {"edge": "right edge", "line": "vertical line", "shift": "shift 1 up, 2 left",
             "blob": "blob", "mixed": "mixed"}[kind]  # fmt: skip
    return {"kind": kind, "direction": None, "strength": strength, "text": words,
            "nearest": "blob" if kind == "mixed" else words}  # fmt: skip


@pytest.fixture
def model(splits):
    """one_conv as it starts."""
    return recipes.prepare(recipes.get("one_conv"), splits, 0).model


# feature_maps


def test_the_networks_of_the_pages_are_those_of_eight_kernels_that_channels_trains(lab):
    asked = []

    class Asked(Exception):
        pass

    def train(wanted, seeds=5, track_test=False):
        asked.append(wanted)
        raise Asked

    lab.train = train
    for page in (channels.measure, readings.one_conv):
        with pytest.raises(Asked):
            page(lab)
    many, ours = asked
    assert task(ours, 0).key(lab.splits) in [task(r, 0).key(lab.splits) for r in many]


def test_the_picture_that_is_asked_for_is_found_or_refused():
    images = np.zeros((5, 1, 4, 4), np.uint8)
    test = Dataset(images, np.array([1, 0, 1, 1, 0]), ("0", "1"))
    assert [feature_maps.place_of(test, 1, i) for i in range(3)] == [0, 2, 3]
    for digit, index in ((1, 3), (0, -1), (2, 0)):
        with pytest.raises(InputError, match=f"no picture {index} of class {digit}"):
            feature_maps.place_of(test, digit, index)


def feature_page(tmp_path, kinds, strength=0.7, by_chance=0.7):
    """The page of networks with kernels of these kinds (a string a seed: "eels", m for mixed)."""
    names = {kind[0]: kind for kind in evaluation.KINDS}
    each = len(kinds[0])
    rows = {"kernels": np.ones((each, 5, 5)), "picture": np.ones((each, 8, 8))}
    about = {"digit": "0", "place": 3, "read": "0", "rows": list(rows)}
    record = {
        "seeds": list(range(len(kinds))),
        "kernels": np.ones((len(kinds), each, 5, 5)),
        "described": [
            [described(names[k], strength + 0.01 * seed) for k in of]
            for seed, of in enumerate(kinds)
        ],
        "chance": [described("edge", by_chance)] * 750 + [described("mixed", by_chance)] * 250,
        "zero": about,
        "other": {**about, "digit": "4"},
        **{f"{name} {row}": maps for name in ("zero", "other") for row, maps in rows.items()},
    }
    page = Unsaved(tmp_path)
    feature_maps.report(record, page)
    return page


def test_directed_kernels_are_most_or_not_or_it_cannot_be_told(tmp_path):
    assert verdict(feature_page(tmp_path, ["eeeeellm", "eeeellll", "eeelllss"]), "one direction")
    few = feature_page(tmp_path, ["esssbbmm", "mmmmmmmm", "elmmmmmm"])
    assert verdict(few, "one direction") is False
    assert verdict(feature_page(tmp_path, ["eeeeeeee", "mmmmmmmm"]), "one direction") is None


def test_kernels_are_only_said_to_show_more_than_chance_where_they_do(tmp_path):
    kinds = ["eeelllss"] * 3
    clear = feature_page(tmp_path, kinds, 0.9, 0.6)
    assert verdict(clear, "chance makes it") is True
    assert "which is more" not in clear.conclusions[0]
    unclear = feature_page(tmp_path, kinds, 0.4, 0.6)
    assert verdict(unclear, "chance makes it") is False
    assert "which is more" in unclear.conclusions[0]
    assert verdict(feature_page(tmp_path, kinds, 0.6, 0.61), "chance makes it") is None


def test_a_shift_or_a_blob_is_found_in_all_in_none_or_in_some(tmp_path):
    assert verdict(feature_page(tmp_path, ["eees", "eebm"]), "moves the picture") is True
    assert verdict(feature_page(tmp_path, ["eeel", "eemm"]), "moves the picture") is False
    assert verdict(feature_page(tmp_path, ["eees", "eemm"]), "moves the picture") is None


def test_the_page_counts_kinds_beside_chance(tmp_path):
    page = feature_page(tmp_path, ["eels", "eelm"])
    assert "edge 2.0 (3.0), line 1.0 (0.0)" in page.conclusions[1]
    assert "So are 75% of kernels drawn at random" in page.conclusions[0]


# binarised


def test_rounding_keeps_the_sign_of_what_is_large_and_scales_by_its_mean():
    weight = np.array([[[[1.0, -0.5, 0.1], [0.0, 2.0, -0.1]]], [[[3.0] * 3, [-3.0] * 3]]])
    codes, scale = binarised.ternary(weight, 0.7)  # 0.7 times the mean magnitude is 0.43, and 2.1
    np.testing.assert_array_equal(codes[0, 0], [[1, -1, 0], [0, 1, 0]])
    np.testing.assert_array_equal(codes[1, 0], [[1, 1, 1], [-1, -1, -1]])
    np.testing.assert_allclose(scale, [3.5 / 3, 3.0])


def test_a_kernel_of_zeros_is_rounded_to_zeros():
    codes, scale = binarised.ternary(np.zeros((1, 1, 5, 5), np.float32), 0.7)
    assert not codes.any()
    assert scale.tolist() == [0.0]


def test_the_rule_is_about_the_nearest_that_three_values_come_to_normal_weights():
    weight = np.random.default_rng(0).normal(size=(1, 1, 100, 100))
    size = np.abs(weight).ravel()

    def left(threshold):
        kept = size > threshold
        return float(((size - kept * size[kept].mean()) ** 2).sum())

    codes, scale = binarised.ternary(weight, 0.7)
    ours = float(((weight - scale[0] * codes) ** 2).sum())
    assert ours == pytest.approx(left(0.7 * size.mean()))
    assert ours <= 1.01 * min(left(t) for t in np.linspace(0.01, 3, 100))


def test_the_studys_numbers_are_its_own():
    by_rule = binarised.ternary(binarised.STUDY[None, None], binarised.THRESHOLD)[0][0, 0]
    assert binarised.STUDY.shape == binarised.STUDY_BY_HAND.shape == (5, 5)
    # By hand no sign was changed where both gave one.
    both = (by_rule != 0) & (binarised.STUDY_BY_HAND != 0)
    np.testing.assert_array_equal(by_rule[both], binarised.STUDY_BY_HAND[both])
    assert 15 < (by_rule == binarised.STUDY_BY_HAND).sum() < 25


def test_the_clearest_kernel_is_an_edge_where_there_is_one():
    kernels = [described("blob", 0.9), described("edge", 0.6), described("edge", 0.8)]
    assert binarised.clearest(kernels) == 2
    assert binarised.clearest([described("mixed", 0.2), described("line", 0.6)]) == 1


def test_maps_are_alike_by_their_correlation():
    a = np.random.default_rng(0).random((3, 4, 4)).astype(np.float32)
    assert binarised.alike(a, 2 * a + 1) == pytest.approx(1)
    assert binarised.alike(a, -a) == pytest.approx(-1)
    assert binarised.alike(a, np.ones_like(a)) == 0.0


def test_a_network_with_fixed_kernels_reads_as_its_own_and_trains_its_last_layer_only(
    model, splits
):
    weight, bias = (model.parameters()[f"0.{name}"].copy() for name in ("weight", "bias"))
    net = binarised.with_kernels(model, weight, bias)
    images = splits.test.images
    np.testing.assert_allclose(
        evaluation.logits(net, images), evaluation.logits(model, images), rtol=1e-4, atol=1e-4
    )
    assert set(net.parameters()) == {"4.weight", "4.bias"}
    net.flat[...] = 0
    assert model.parameters()["4.weight"].any(), "they share memory"


def test_reading_with_rounded_kernels_leaves_those_it_was_given(lab):
    (run,) = readings.one_conv(lab, 1)[:1]
    found = binarised.read_rounded(
        lab.splits, run.folder.parent / "task", **run.as_argument(), epochs=2
    )
    variants = found["variants"]
    assert list(variants) == [binarised.REAL, binarised.CODES, binarised.SCALED, binarised.REAL_ON,
                          binarised.SCALED_ON]  # fmt: skip
    assert variants[binarised.REAL]["accuracy"] == run.test_accuracy
    assert variants[binarised.REAL]["loss"] == pytest.approx(run.test_loss, rel=1e-5)
    losses = [variants[name]["loss"] for name in (binarised.REAL_ON, binarised.REAL)]
    assert losses[0] != losses[1], "it was not trained"
    assert 0 < found["zeros"] < 1
    assert len(found["alike"]) == len(found["alike_other"]) == 8
    assert max(found["alike"]) <= 1


def test_variants_that_are_trained_on_meet_the_same_batches(lab, monkeypatch):
    # With rounding that rounds nothing both are one network, and must come out the same.
    def unrounded(weight, threshold):
        return weight, np.ones(len(weight), weight.dtype)

    monkeypatch.setattr(binarised, "ternary", unrounded)
    (run,) = readings.one_conv(lab, 1)[:1]
    variants = binarised.read_rounded(
        lab.splits, run.folder.parent / "task", **run.as_argument(), epochs=2
    )["variants"]
    assert variants[binarised.REAL_ON] == variants[binarised.SCALED_ON]


def rounded_page(tmp_path, real, scaled, alike=((0.95,) * 8,), kind="edge"):
    """The page of networks that read so well as trained, and rounded and scaled."""
    variants = dict.fromkeys((binarised.REAL, binarised.REAL_ON), real)
    variants |= dict.fromkeys((binarised.CODES, binarised.SCALED, binarised.SCALED_ON), scaled)
    maps = np.ones((10, 8, 8))
    record = {
        "seeds": list(range(len(real))), "epochs": 3,
        "variants": {w: [{"accuracy": a, "loss": 1 - a} for a in of] for w, of in variants.items()},
        "zeros": [0.4, 0.4], "same_words": [5, 6], "output": [8, 24, 24], "weights": 200,
        "kernel": 2, "described": described(kind), "rounded_described": described("mixed", 0.4),
        "scale": 0.5, "places": list(range(10)), "classes": list("0123456789"),
        "alike": [list(of) for of in alike], "alike_other": [[0.5] * len(of) for of in alike],
        "alike_shown": 0.9, "study_agrees": 20,
        "real": np.ones((5, 5)), "codes": np.ones((5, 5)), "digits": maps, "real_maps": maps,
        "rounded_maps": maps, "study_maps": maps, "study_by_hand_maps": maps,
    }  # fmt: skip
    page = Unsaved(tmp_path)
    binarised.report(record, page)
    return page


def test_rounding_costs_or_gains_or_it_cannot_be_told(tmp_path):
    worse = rounded_page(tmp_path, [0.98, 0.981, 0.982], [0.90, 0.91, 0.90])
    assert verdict(worse, "costs accuracy") is True
    better = rounded_page(tmp_path, [0.90, 0.91, 0.90], [0.98, 0.981, 0.982])
    assert verdict(better, "costs accuracy") is False
    mixed = rounded_page(tmp_path, [0.98, 0.981, 0.982], [0.97, 0.99, 0.982])
    assert verdict(mixed, "costs accuracy") is None


@pytest.mark.parametrize(
    ("alike", "holds"),
    [
        ([(0.95, 0.92, 0.91, 0.5)] * 3, True), ([(0.95, 0.4, 0.3, 0.2)] * 3, False),
        ([(0.95, 0.92, 0.3, 0.2)] * 3, None), ([(0.95, 0.92, 0.91, 0.5)], None),
        ([(0.99, 0.99), (0.1, 0.99), (0.1, 0.1)], None),
    ],
)  # fmt: skip
def test_rounded_kernels_do_the_same_where_most_of_every_seed_do(tmp_path, alike, holds):
    real = [0.98, 0.97]
    page = rounded_page(tmp_path, real, real, alike)
    assert verdict(page, "about what") is holds


def test_the_kernel_that_is_shown_is_called_an_edge_only_where_it_is_one(tmp_path):
    for kind in ("edge", "blob"):
        page = rounded_page(tmp_path, [0.9], [0.9], kind=kind)
        said = " ".join(block.values["text"] for block in page.blocks if "text" in block.values)
        assert ("as it is most clearly an edge" in said) is (kind == "edge")
        assert ("none is an edge" in said) is (kind == "blob")


# ablate_kernels


def test_what_the_kernels_say_adds_up_to_the_logits(model, splits):
    said, bias = first_kernels.contributions(model, splits.test)
    images = splits.test.images
    np.testing.assert_allclose(
        said.sum(axis=0) + bias, evaluation.logits(model, images), rtol=1e-4, atol=1e-4
    )
    for name in ("0.weight", "0.bias"):
        model.parameters()[name][3] = 0
    without = said.sum(axis=0) + bias - said[3]
    np.testing.assert_allclose(without, evaluation.logits(model, images), rtol=1e-4, atol=1e-4)


def test_asking_what_the_kernels_say_changes_nothing(model, splits):
    before = model.flat.copy()
    first_kernels.contributions(model, splits.test)
    np.testing.assert_array_equal(model.flat, before)


def test_the_accuracy_without_kernels_is_that_of_networks_without_them(lab):
    (run,) = readings.one_conv(lab, 1)[:1]
    found = ablate_kernels.without(lab.splits, run.folder.parent / "task", **run.as_argument())
    assert found["all"] == run.test_accuracy
    test = readings.test_set(lab, run)

    def read(*gone):
        cut = run.model()
        for name in ("0.weight", "0.bias"):
            cut.parameters()[name][list(gone)] = 0
        return evaluation.evaluate(cut, test).accuracy

    assert found["zero"] == [read(k) for k in range(8)]
    assert found["pairs"] == [list(pair) for pair in combinations(range(8), 2)]
    assert found["pairs_zero"][9] == read(*found["pairs"][9])
    assert len(found["mean"]) == 8


@pytest.mark.parametrize(("a", "b", "rank"), [
    ([1, 2, 3, 4], [1, 4, 9, 16], 1), ([1, 2, 3, 4], [4, 3, 2, 1], -1),
    ([1, 2, 3], [2, 2, 2], 0), ([1, 2, 3, 4], [2, 1, 4, 3], 0.6),
])  # fmt: skip
def test_rank_correlation(a, b, rank):
    assert first_kernels.rank_correlation(a, b) == pytest.approx(rank)


def ablated(seeds, whole=0.984, lost=(0.01, 0.02, 0.03, 0.04), six=0.97):
    """A record of networks of four kernels, of which the first two are the hardest to explain."""
    found = []
    for seed in range(seeds):
        top = whole + 0.0002 * seed
        pairs = list(combinations(range(4), 2))
        found.append({
            "all": top, "zero": [top - x for x in lost], "mean": [top - x / 2 for x in lost],
            "pairs": [list(p) for p in pairs],
            "pairs_zero": [top - lost[a] - lost[b] - 0.0001 * seed for a, b in pairs],
        })  # fmt: skip
    kinds = [described("mixed", 0.3), described("mixed", 0.4), described("edge", 0.6),
             described("line", 0.8)]  # fmt: skip
    return {
        "seeds": list(range(seeds)), "kernels": np.ones((seeds, 4, 5, 5)),
        "described": [kinds] * seeds, "six": [six + 0.0002 * s for s in range(seeds)],
        "without": found,
    }  # fmt: skip


def ablated_page(tmp_path, **changes):
    page = Unsaved(tmp_path)
    ablate_kernels.report(ablated(3, **changes), page)
    return page


def test_the_two_that_are_hardest_to_explain_are_taken_together_and_against_the_others():
    of = ablate_kernels.summed_up(ablated(2))
    assert of["all"] == pytest.approx([0.984, 0.9842])
    assert of["least"] == pytest.approx([0.984 - 0.03, 0.9842 - 0.0301])
    assert of["others"] == pytest.approx([0.984 - 0.07, 0.9842 - 0.0701])
    assert of["worst"] == pytest.approx([0.944, 0.9442])
    assert of["best_pair"] == of["least"]
    assert of["rank"] == pytest.approx([1, 1])


def test_two_kernels_less_put_the_accuracy_under_98_percent_or_not_or_it_was_there(tmp_path):
    low = ablated_page(tmp_path)
    assert verdict(low, "taken from") is True
    assert verdict(low, "from the start") is True
    high = ablated_page(tmp_path, lost=(0.0005, 0.0005, 0.03, 0.04), six=0.983)
    assert verdict(high, "taken from") is False
    assert verdict(high, "from the start") is False
    already = ablated_page(tmp_path, whole=0.95)
    assert verdict(already, "taken from") is None
    assert verdict(ablated_page(tmp_path, six=0.9799), "from the start") is None


def test_relation_and_need_are_told_by_the_numbers(tmp_path):
    page = ablated_page(tmp_path)
    assert "the clearer, the more needed" in page.conclusions[1]
    # Any two that are gone cost accuracy; these cost less than the others.
    assert verdict(page, "cannot explain") is False
    page = ablated_page(tmp_path, lost=(-0.01, -0.02, -0.03, -0.04))
    assert "the clearer, the less needed" in page.conclusions[1]
    assert verdict(page, "cannot explain") is True
    page = ablated_page(tmp_path, lost=(0.0, 0.0, 0.0, 0.0))
    assert "no relation can be told" in page.conclusions[1]
