"""The table of a model: shapes, parameters and operations layer by layer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from byhand import kernels, models, nn
from byhand.errors import ShapeError


def started(model, dtype=np.float32):
    return model.init(np.random.default_rng(0), dtype)


def test_deep_convnet_has_the_shapes_that_its_design_lists():
    table = nn.summary(models.build("deep_convnet", np.random.default_rng(0)), (1, 28, 28))
    assert [(r.layer, r.output_shape, r.parameters) for r in table.rows] == [
        ("Conv2d", (16, 28, 28), 160),
        ("ReLU", (16, 28, 28), 0),
        ("Conv2d", (16, 28, 28), 2320),
        ("ReLU", (16, 28, 28), 0),
        ("MaxPool2d", (16, 14, 14), 0),
        ("Conv2d", (32, 14, 14), 4640),
        ("ReLU", (32, 14, 14), 0),
        ("Conv2d", (32, 16, 16), 9248),  # padding 2 makes 14 into 16
        ("ReLU", (32, 16, 16), 0),
        ("MaxPool2d", (32, 8, 8), 0),
        ("Conv2d", (64, 8, 8), 18496),
        ("ReLU", (64, 8, 8), 0),
        ("Conv2d", (64, 8, 8), 36928),
        ("ReLU", (64, 8, 8), 0),
        ("MaxPool2d", (64, 4, 4), 0),
        ("Flatten", (1024,), 0),
        ("Linear", (50,), 51250),
        ("ReLU", (50,), 0),
        ("Dropout", (50,), 0),
        ("Linear", (10,), 510),
        ("Dropout", (10,), 0),
    ]
    assert table.parameters == sum(r.parameters for r in table.rows) == 123552
    assert [r.name for r in table.rows] == [str(i) for i in range(21)]


def test_operations_are_counted_with_a_multiply_add_as_two():
    model = started(
        nn.Sequential(
            nn.Conv2d(2, 3, (3, 2), use_bias=False),  # to 3×4×5
            nn.ReLU(),
            nn.MaxPool2d(2, 1),  # to 3×3×4
            nn.Flatten(),
            nn.Linear(36, 7),
        )
    )
    table = nn.summary(model, (2, 6, 6))
    assert [r.operations for r in table.rows] == [
        2 * (3 * 4 * 5) * (2 * 3 * 2),
        3 * 4 * 5,
        (3 * 3 * 4) * 4,
        0,
        2 * 36 * 7,
    ]
    assert table.operations == sum(r.operations for r in table.rows)


def test_layers_inside_containers_have_their_dotted_names_and_own_shapes():
    model = started(
        nn.Sequential(
            nn.Concat(nn.Conv2d(1, 2, 3), nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh())),
            nn.Residual(nn.Conv2d(5, 5, 1), nn.Sigmoid()),
            nn.GlobalAvgPool(),
        )
    )
    rows = nn.summary(model, (1, 5, 6)).rows
    assert [(r.name, r.output_shape) for r in rows] == [
        ("0.0", (2, 3, 4)),
        ("0.1.0", (3, 3, 4)),
        ("0.1.1", (3, 3, 4)),
        ("1.body", (5, 3, 4)),
        ("1.shortcut", (5, 3, 4)),
        ("2", (5,)),
    ]


def test_a_layer_used_twice_counts_once_in_the_sum():
    linear = nn.Linear(4, 4)
    table = nn.summary(started(nn.Sequential(linear, nn.Tanh(), linear)), (4,))
    assert [r.parameters for r in table.rows] == [20, 0, 20]
    assert table.parameters == 20
    assert table.operations == 32 + 4 + 32


def test_it_is_the_same_in_float64_and_leaves_the_model_alone():
    table = []
    for dtype in (np.float32, np.float64):
        model = started(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), dtype)
        before = model.flat.copy(), model.flat_buffers.copy()
        table.append(nn.summary(model, (3,)))
        assert np.array_equal(model.flat, before[0])
        assert np.array_equal(model.flat_buffers, before[1])
    assert table[0] == table[1]


def test_it_prints_as_a_table_with_input_and_total_and_is_plain_values_too():
    table = nn.summary(models.build("one_conv", np.random.default_rng(0)), (1, 28, 28))
    lines = str(table).splitlines()
    assert len(lines) == 2 + len(table.rows) + 1
    assert lines[0].split() == ["name", "layer", "output", "parameters", "operations", "fused"]
    assert lines[1].split() == ["input", "1×28×28"]
    numbers = ["0", "Conv2d", "8×24×24", "208", "230,400"]
    assert lines[2].split() == [*numbers, "conv2d_relu_pool2d"]
    assert lines[-1].split() == ["total", f"{11738:,}", f"{table.operations:,}"]
    assert {line.index("Conv2d") for line in lines if "Conv2d" in line} == {lines[0].index("layer")}
    rows = json.loads(json.dumps(table.as_dicts()))
    assert rows[0] == {"name": "0", "layer": "Conv2d", "output_shape": [8, 24, 24],
                       "parameters": 208, "operations": 230400,
                       "fused": "conv2d_relu_pool2d"}  # fmt: skip


def test_it_names_the_kernels_that_do_neighbours_at_once_as_they_really_run(monkeypatch):
    body = nn.Sequential(nn.Conv2d(1, 1, 3, padding="same"), nn.ReLU())
    net = nn.Sequential(nn.Residual(body), nn.ReLU(), nn.Flatten(), nn.Linear(16, 4), nn.ReLU())
    table = nn.summary(started(net), (1, 4, 4))
    assert [(row.name, row.fused) for row in table.rows] == [
        ("0.body.0", "conv2d_relu"), ("0.body.1", "conv2d_relu"), ("1", ""), ("2", ""),
        ("3", "linear_relu"), ("4", "linear_relu"),
    ]  # fmt: skip
    ran, kernel = [], kernels.linear_relu
    monkeypatch.setattr(kernels, "linear_relu", lambda *a: ran.append("linear_relu") or kernel(*a))
    fresh = started(nn.Sequential(nn.Linear(16, 4), nn.ReLU()))
    x = np.zeros((1, 16), np.float32)
    fresh.forward(kernels.as_layout(x, "auto"))
    assert ran == (["linear_relu"] if kernels.resolve_layout("auto") == "lanes" else [])
    assert [layer.fused for layer in nn.trace(fresh, x)] == ["linear_relu"] * 2
    assert str(nn.trace(fresh, x)).count("(untraced, in one pass: linear_relu)") == 2
    assert ran == (["linear_relu"] if kernels.resolve_layout("auto") == "lanes" else [])


@pytest.mark.parametrize(
    ("shape", "layer"),
    [((1, 4, 9), r"layer 1 \(MaxPool2d\)"), ((2, 9, 9), r"layer 0 \(Conv2d\)"),
     ((1, 9, 9), r"layer 3 \(Linear\)")],
)  # fmt: skip
def test_pictures_that_do_not_fit_name_the_layer(shape, layer):
    model = started(
        nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(1, 2))
    )
    with pytest.raises(ShapeError, match=layer):
        nn.summary(model, shape)


def test_a_single_layer_has_a_table_of_one_row():
    (row,) = nn.summary(started(nn.Linear(3, 2)), (3,)).rows
    assert (row.layer, row.output_shape, row.parameters) == ("Linear", (2,), 8)
