"""Slips of somebody who writes a first layer: each is said in the words of that layer."""

from __future__ import annotations

import importlib
import pickle

import numpy as np
import pytest

import support
from byhand import kernels, nn
from byhand.errors import ByhandError, DataError, InputError, ShapeError
from byhand.nn.layer import backward, forward

RNG = np.random.default_rng
X = RNG(5).standard_normal((2, 8)).astype(np.float32)


def own(forward=lambda self, x: (x, None), backward=lambda self, dy: dy, base=nn.Layer):
    """A layer class with these passes."""

    class Mine(base):
        def forward(self, x, train=False, key=None):
            return forward(self, x)

        def backward(self, dy, cache, grads, need_dx=True):
            return backward(self, dy)

    return Mine


def step(layer, layout="reference"):
    """A forward and a backward of the layer among others."""
    model = nn.Sequential(nn.Linear(8, 8), layer, nn.Linear(8, 3)).init(RNG(0))
    y, cache = model.forward(kernels.as_layout(X, layout), train=True, key=nn.Key(0))
    grads = model.new_grads()
    model.backward(y, cache, grads)
    return grads


class Kept(nn.Layer):
    """Layers and parameters in lists, tuples and dicts."""

    def __init__(self):
        self.layers = [nn.Linear(8, 8), nn.Linear(8, 8)]
        self.parts = {"scale": nn.Param((8,), nn.Constant(2)), "pair": (nn.Dropout(0.0), nn.ReLU())}

    def forward(self, x, train=False, key=None):
        caches = []
        for layer in self.layers:
            x, cache = layer.forward(x, train, key)
            caches.append(cache)
        return x * self.parts["scale"].value, (caches, x)

    def backward(self, dy, cache, grads, need_dx=True):
        caches, x = cache
        grads["parts.scale"] += (dy * x).sum(axis=0)
        dy = dy * self.parts["scale"].value
        for i in (1, 0):
            dy = self.layers[i].backward(dy, caches[i], grads.child(f"layers.{i}"))
        return dy


def test_layers_and_parameters_in_lists_and_dicts_are_found():
    model = nn.Sequential(Kept()).init(RNG(0))
    assert list(model.parameters()) == [
        "0.parts.scale", "0.layers.0.weight", "0.layers.0.bias", "0.layers.1.weight",
        "0.layers.1.bias",
    ]  # fmt: skip
    assert list(model[0].children()) == ["layers.0", "layers.1", "parts.pair.0", "parts.pair.1"]
    assert nn.gradcheck(model, X)
    other = model.copy()
    assert np.array_equal(other.forward(X)[0], model.forward(X)[0])
    assert not np.shares_memory(other.flat, model.flat)
    again = model[0]._with_children(dict.fromkeys(model[0].children(), nn.Tanh()))
    assert [type(x).__name__ for x in (*again.layers, *again.parts["pair"])] == ["Tanh"] * 4
    assert again.parts["scale"] is model[0].parts["scale"]


def test_a_gradient_asked_for_by_the_inner_name_says_how_it_is_called():
    class Careless(Kept):
        def backward(self, dy, cache, grads, need_dx=True):
            return self.layers[1].backward(dy, cache[0][1], grads)

    with pytest.raises(InputError, match=r"no parameter 'weight'.*grads\.child\('layers\.0'\)"):
        step(Careless())


@pytest.mark.parametrize("layout", ["reference", "lanes"])
@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (
            own(lambda self, x: x),
            r"forward of Mine must end with return y, cache .* shape \(2, 8\)",
        ),
        (own(lambda self, x: None), "forward of Mine must end .* a NoneType"),
        (own(lambda self, x: (x.tolist(), None)), "forward of Mine must end .* a tuple"),
        (own(lambda self, x: [x, None]), "forward of Mine must end .* a list"),
        (own(backward=lambda self, dy: None), "backward of Mine must return dx.* a NoneType"),
        (own(backward=lambda self, dy: dy[:1]), r"of x, \(2, 8\), but it gave .* shape \(1, 8\)"),
        (own(lambda self, x: (np.add(x, 1, out=x), None)), r"forward of Mine writes into x.*copy"),
        (own(backward=lambda self, dy: np.add(dy, 1, out=dy)), "backward of Mine writes into dy"),
    ],
)
def test_a_pass_that_gives_or_changes_the_wrong_thing_is_named(layer, said, layout):
    if layout == "lanes":
        support.require_core()
    with pytest.raises(ShapeError, match=said):
        step(layer(), layout)


def test_a_layer_that_gives_what_it_was_given_works_on_both_layouts():
    support.require_core()
    same = [step(own()(), layout).flat for layout in ("reference", "lanes")]
    np.testing.assert_allclose(*same, rtol=1e-4, atol=1e-5)
    y, cache = forward(own()(), X, False, None)
    assert y is X
    assert backward(own()(), X, cache, {}) is X


def test_a_layer_that_lacks_a_pass_or_its_parents_init_says_so():
    class Half(nn.Sequential):
        def __init__(self):
            self.width = 3

    with pytest.raises(AttributeError, match=r"Half has no 'layers'.*super\(\)\.__init__"):
        Half().forward(X)
    with pytest.raises(NotImplementedError, match="Layer has no forward; write one"):
        nn.Layer().forward(X)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: nn.Sequential(nn.ReLU), r"write ReLU\(\.\.\.\), with brackets"),
        (lambda: nn.Sequential([nn.ReLU(), nn.Tanh()]), r"one by one.*\(\*layers\)"),
        (lambda: nn.Sequential(nn.ReLU() for _ in range(2)), r"one by one.*\(\*layers\)"),
        (lambda: nn.Sequential(3), "a container holds layers, not 3"),
        (lambda: nn.Residual("x"), "a container holds layers, not 'x'"),
        (lambda: nn.Linear(2, 2).init(0), r"numpy\.random\.default_rng\(0\), but was given 0"),
        (lambda: nn.Linear(2, 2).init(None), "generator"),
        (lambda: nn.Linear(2, 2).init(np.random), "generator"),
        (lambda: nn.Linear(2, 2).init(RNG(0), int), "float64.*not <class 'int'>"),
        (lambda: nn.Linear(2, 2).init(RNG(0), "x"), "not 'x'"),
        (lambda: nn.Linear(2, 2).init(RNG(0)).copy("x"), "not 'x'"),
        (lambda: nn.Linear(2, 2).init(RNG(0)).copy(complex), "complex"),
        (lambda: nn.Param((2,), 0.0), "must be an initialiser"),
        (lambda: nn.Param("ab", nn.Zeros()), "a size of a parameter's shape is 'ab'"),
        (lambda: nn.register(nn.ReLU()), "before the class of a layer"),
        (lambda: nn.ModelCard(classes="0123456789"), "must be a list of names"),
        (lambda: nn.ModelCard(classes=("a", "b", "a")), "two classes have the name 'a'"),
        (lambda: nn.ModelCard(classes=("\ud800",)), "valid Unicode"),
        (lambda: nn.ModelCard(image_shape=(28, 28)), r"must be \(C, H, W\)"),
    ],
)
def test_what_is_given_in_the_place_of_something_else_is_named(make, said):
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_a_model_has_any_float_type(dtype):
    assert nn.Linear(2, 2).init(RNG(0), dtype).copy(dtype).flat.dtype == dtype


def started():
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).init(RNG(0))


def test_numbers_assigned_by_name_are_copied_in():
    model, weight = started(), np.arange(12.0).reshape(3, 4)
    parameters = model.parameters()
    parameters["0.weight"] = weight
    assert np.array_equal(model.flat[:12], np.arange(12))
    assert np.shares_memory(parameters["0.weight"], model.flat)
    parameters |= {"0.bias": [1, 2, 3]}
    assert model[0].bias.value.tolist() == [1, 2, 3]
    model[0].bias.value = np.array([4, 5, 6])
    assert parameters["0.bias"].tolist() == [4, 5, 6]
    parameters.update({"0.bias": np.zeros(3)}, **{"1.weight": np.full(3, 7)})
    assert parameters["0.bias"].tolist() == [0, 0, 0]
    assert model[1].weight.value.tolist() == [7, 7, 7]
    assert parameters.setdefault("0.bias", None) is parameters["0.bias"]
    parameters.child("1")["bias"] = [8, 8, 8]
    assert parameters["1.bias"].tolist() == [8, 8, 8]
    before = model.flat
    model.flat = np.ones(before.size)
    model.flat *= 2
    model.flat_buffers = np.full(6, 3)
    assert model.flat is before
    assert set(model.flat.tolist()) == {2}
    assert model[1].running_var.value.tolist() == [3, 3, 3]
    parameters.flat = np.zeros(before.size)
    assert not model.flat.any()


@pytest.mark.parametrize(
    "value", [np.zeros(4), 0.0, [1, 2], "x", None, 1j, [[1, 2], [3]], np.ones((3, 1))]
)
def test_numbers_that_do_not_fit_a_name_are_refused_and_nothing_is_changed(value):
    model = started()
    before, grads = model.flat.copy(), model.new_grads()
    with pytest.raises(ShapeError, match=r"0\.bias"):
        model.parameters()["0.bias"] = value
    with pytest.raises(ShapeError, match="bias"):
        grads.child("0")["bias"] = value
    with pytest.raises(ShapeError):
        model[0].bias.value = value
    with pytest.raises(ShapeError, match=r"0\.bias"):
        model.load_state_dict({**model.state_dict(), "0.bias": value})
    assert np.array_equal(model.flat, before)


def test_names_are_neither_added_nor_taken_away():
    parameters = started().parameters()
    with pytest.raises(InputError, match=r"no parameter '0\.wieght' here; there are: 0\.weight"):
        parameters["0.wieght"] = np.zeros(3)
    for take in (lambda: parameters.pop("0.bias"), parameters.popitem, parameters.clear,
                 lambda: parameters.__delitem__("0.bias")):  # fmt: skip
        with pytest.raises(InputError, match="keep their names"):
            take()
    assert parameters.get("9.weight") is None
    assert list(parameters) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_a_pickled_vector_is_whole():
    grads = pickle.loads(pickle.dumps(started().new_grads()))
    grads["0.bias"][...] = 1
    assert grads.flat.sum() == 3
    assert grads.squares()["0.bias"] == 3


def test_weights_are_taken_from_lists_too():
    model = started()
    model.load_state_dict({name: value.tolist() for name, value in started().state_dict().items()})
    assert np.array_equal(model.flat, started().flat)
    for odd in (None, 3, [1, 2], "x"):
        with pytest.raises(InputError, match="given by name"):
            model.load_state_dict(odd)


def test_a_class_defined_again_in_a_notebook_is_the_one_of_that_name(own_registry, tmp_path):
    def cell():
        class Mine(nn.Layer):
            def forward(self, x, train=False, key=None):
                return x, None

        Mine.__module__ = "__main__"
        return nn.register(Mine)

    layer = cell()()
    cell()  # the cell is run again
    nn.save(nn.Sequential(layer).init(RNG(0)), tmp_path / "model")
    assert type(nn.load(tmp_path / "model")[0]) is nn.registered()["Mine"]
    with pytest.raises(InputError, match=r"ReLU is registered already, by byhand\.nn"):
        nn.register(type("ReLU", (nn.Layer,), {"__module__": "__main__"}))


def test_what_a_layers_own_constructor_raises_is_said_with_the_file(own_registry, tmp_path):
    @nn.register
    class Fragile(nn.Layer):
        def __init__(self, size=1):
            self.size = size
            if size != 1:
                raise ZeroDivisionError("by\nchance")

    path = tmp_path / "model"
    nn.save(nn.Sequential(Fragile()).init(RNG(0)), path)
    files = importlib.import_module("byhand.nn.files")
    tensors, header = files.read_tensors(path, "model file")
    header["architecture"]["arguments"]["layers"][0]["arguments"]["size"] = 2
    files.write_tensors(path, tensors, header)
    with pytest.raises(DataError, match="by chance") as caught:
        nn.load(path)
    assert str(path) in str(caught.value)


def test_a_forward_that_fails_for_a_shape_is_named_by_output_shape():
    layer = own(lambda self, x: (x @ np.ones((3, 3)), None))()
    with pytest.raises(ByhandError, match=r"forward of Mine fails for an image of shape \(8,\)"):
        layer.output_shape((8,))
