"""look keeps what every layer gives for one picture, and comes back from disk as it was."""

from __future__ import annotations

import numpy as np
import pytest

from byhand import nn
from byhand.errors import DataError, ShapeError
from byhand.evaluation import Look, look, predict


def made(*layers, image_shape=(1, 12, 12), classes="0123456789"):
    model = nn.Sequential(*layers).init(np.random.default_rng(0))
    model.card = nn.ModelCard(image_shape=image_shape, classes=tuple(classes))
    return model


def convolutional():
    return made(
        nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(96, 10)
    )  # fmt: skip


def picture(shape=(12, 12)):
    return np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)


def test_every_layer_is_there_by_name_with_its_output():
    model, x = convolutional(), picture()
    seen = look(model, x, max_channels=4)
    assert [(s.name, s.kind) for s in seen.layers] == [
        ("0", "Conv2d"), ("1", "ReLU"), ("2", "MaxPool2d"), ("3", "Flatten"), ("4", "Linear"),
    ]  # fmt: skip
    assert [s.shape for s in seen.layers] == [(6, 8, 8), (6, 8, 8), (6, 4, 4), (96,), (10,)]
    assert [s.output.shape for s in seen.layers] == [(4, 8, 8), (4, 8, 8), (4, 4, 4), (96,), (10,)]
    y, _ = model.layers[0].forward((x[None, None] / 255).astype(np.float32))
    np.testing.assert_allclose(seen.layers[0].output, y[0, :4], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.probabilities, predict(model, x)[0], rtol=1e-5)
    np.testing.assert_allclose(seen.picture, x[None] / 255, rtol=1e-6)


def test_the_first_filters_are_the_first_convolutions():
    model = convolutional()
    seen = look(model, picture(), max_channels=4)
    assert seen.filters_name == "0"
    np.testing.assert_array_equal(seen.filters, model.parameters()["0.weight"][:4])
    assert not np.shares_memory(seen.filters, model.flat)


def test_a_linear_first_layer_is_seen_as_pictures():
    model = made(nn.Flatten(), nn.Linear(144, 10))
    seen = look(model, picture())
    assert seen.filters_name == "1"
    assert seen.filters.shape == (10, 1, 12, 12)
    np.testing.assert_array_equal(seen.filters.reshape(10, 144), model.parameters()["1.weight"])


def test_weights_that_see_no_picture_are_no_filters():
    pooled = made(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(36, 10))
    assert look(pooled, picture()).filters is None
    assert look(made(nn.Flatten(), image_shape=(1, 2, 5)), picture((2, 5))).filters is None


def test_the_first_rows_are_what_each_kernel_makes_of_the_picture():
    model, x = convolutional(), picture()
    seen = look(model, x, max_channels=4)
    rows = seen.first_rows()
    assert list(rows) == ["kernels", "picture", "convolution", "activation", "pooling"]
    assert [len(maps) for maps in rows.values()] == [4] * 5
    np.testing.assert_array_equal(rows["kernels"], model.parameters()["0.weight"][:4, 0])
    np.testing.assert_array_equal(rows["picture"][3], seen.picture[0])
    np.testing.assert_array_equal(rows["activation"], np.maximum(rows["convolution"], 0))
    assert rows["pooling"][2, 1, 3] == rows["activation"][2, 2:4, 6:8].max()


def test_the_first_rows_end_at_the_next_convolution_and_name_what_comes_twice():
    model = made(
        nn.Conv2d(1, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 6, 3),
        nn.Flatten(), nn.Linear(384, 10),
    )  # fmt: skip
    rows = look(model, picture()).first_rows()
    assert list(rows)[2:] == ["convolution", "activation", "BatchNorm2d", "3 activation"]


def test_what_does_not_begin_with_a_convolution_has_no_first_rows():
    assert look(made(nn.Flatten(), nn.Linear(144, 10)), picture()).first_rows() == {}
    pooled = made(nn.AvgPool2d(2), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(32, 10))
    assert look(pooled, picture()).first_rows() == {}


@pytest.mark.parametrize("model", [convolutional(), made(nn.AvgPool2d(6), nn.Flatten(),
                                                         nn.Linear(4, 10))])  # fmt: skip
def test_it_comes_back_as_it_was(model, tmp_path):
    seen = look(model, picture())
    seen.save(tmp_path)
    back = Look.load(tmp_path / "look.npz")
    assert (back.classes, back.filters_name) == (seen.classes, seen.filters_name)
    np.testing.assert_array_equal(back.picture, seen.picture)
    np.testing.assert_array_equal(back.probabilities, seen.probabilities)
    if seen.filters is None:
        assert back.filters is None
    else:
        np.testing.assert_array_equal(back.filters, seen.filters)
    for a, b in zip(back.layers, seen.layers, strict=True):
        assert (a.name, a.kind, a.shape) == (b.name, b.kind, b.shape)
        np.testing.assert_array_equal(a.output, b.output)


def test_only_one_picture_is_looked_at():
    with pytest.raises(ShapeError, match="2 pictures were given"):
        look(convolutional(), picture((2, 12, 12)))


def test_a_broken_record_is_told(tmp_path):
    with pytest.raises(DataError, match=r"look\.npz"):
        Look.load(tmp_path)
    (tmp_path / "look.npz").write_bytes(b"PK no")
    with pytest.raises(DataError, match="is not a look"):
        Look.load(tmp_path)
    np.savez(tmp_path / "look.npz", picture=np.zeros(3))
    with pytest.raises(DataError, match="is not a look"):
        Look.load(tmp_path)


ARRAYS = ("picture", "probabilities", "classes", "names", "kinds", "filters", "output_0", "shape_1")


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("way", [lambda a: a[..., None], lambda a: a.astype("c8"), lambda a: a[:0]])
def test_arrays_that_do_not_fit_are_a_broken_record(tmp_path, name, way):
    look(convolutional(), picture()).save(tmp_path)
    with np.load(tmp_path / "look.npz") as file:
        arrays = dict(file)
    arrays[name] = way(arrays[name]) if arrays[name].dtype.kind != "U" else np.zeros(3)
    np.savez(tmp_path / "look.npz", **arrays)
    with pytest.raises(DataError, match="is not a look"):
        Look.load(tmp_path)
