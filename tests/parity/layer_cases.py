"""Every layer beside PyTorch's: a line is a case (name, ours, theirs, shape of x)."""

from __future__ import annotations

from byhand import nn
from parity.helper import layer

LINE = (2, 2, 9)  # N, C, L
PICTURE = (2, 2, 6, 7)  # N, C, H, W

LAYERS = [
    # Convolutions
    layer("conv2d", nn.Conv2d(2, 3, 3), lambda t: t.Conv2d(2, 3, 3), PICTURE),
    layer("conv2d_1x1", nn.Conv2d(2, 3, 1), lambda t: t.Conv2d(2, 3, 1), PICTURE),
    layer("conv2d_whole", nn.Conv2d(2, 3, (6, 7)), lambda t: t.Conv2d(2, 3, (6, 7)), PICTURE),
    layer("conv2d_one_image", nn.Conv2d(1, 1, 2), lambda t: t.Conv2d(1, 1, 2), (1, 1, 3, 3)),
    layer(
        "conv2d_no_bias",
        nn.Conv2d(2, 3, 3, use_bias=False),
        lambda t: t.Conv2d(2, 3, 3, bias=False),
        PICTURE,
    ),
    layer("conv2d_oblong", nn.Conv2d(2, 3, (3, 2)), lambda t: t.Conv2d(2, 3, (3, 2)), PICTURE),
    layer("conv2d_stride", nn.Conv2d(2, 3, 3, 2), lambda t: t.Conv2d(2, 3, 3, 2), PICTURE),
    layer(
        "conv2d_stride_over_kernel",
        nn.Conv2d(2, 3, 2, 3),
        lambda t: t.Conv2d(2, 3, 2, 3),
        PICTURE,
    ),
    layer("conv2d_padding", nn.Conv2d(2, 3, 3, 1, 1), lambda t: t.Conv2d(2, 3, 3, 1, 1), PICTURE),
    layer(
        "conv2d_padding_over_kernel",
        nn.Conv2d(2, 2, 2, 1, 3),
        lambda t: t.Conv2d(2, 2, 2, 1, 3),
        (1, 2, 3, 3),
    ),
    layer(
        "conv2d_pairs",
        nn.Conv2d(2, 3, (2, 3), (1, 2), (0, 2)),
        lambda t: t.Conv2d(2, 3, (2, 3), (1, 2), (0, 2)),
        PICTURE,
    ),
    layer(
        "conv2d_pairs_other_way",
        nn.Conv2d(2, 3, (3, 1), (3, 1), (2, 0)),
        lambda t: t.Conv2d(2, 3, (3, 1), (3, 1), (2, 0)),
        PICTURE,
    ),
    layer(
        "conv2d_same_odd",
        nn.Conv2d(2, 2, 3, padding="same"),
        lambda t: t.Conv2d(2, 2, 3, padding="same"),
        PICTURE,
    ),
    layer(
        "conv2d_same_even",
        nn.Conv2d(2, 2, (4, 2), padding="same"),
        lambda t: t.Conv2d(2, 2, (4, 2), padding="same"),
        PICTURE,
    ),
    layer("conv1d", nn.Conv1d(2, 3, 3), lambda t: t.Conv1d(2, 3, 3), LINE),
    layer(
        "conv1d_stride_padding",
        nn.Conv1d(2, 3, 4, 2, 3),
        lambda t: t.Conv1d(2, 3, 4, 2, 3),
        LINE,
    ),
    layer(
        "conv1d_same_no_bias",
        nn.Conv1d(2, 3, 5, padding="same", use_bias=False),
        lambda t: t.Conv1d(2, 3, 5, padding="same", bias=False),
        LINE,
    ),
    # Pooling
    layer("max_pool2d", nn.MaxPool2d(2), lambda t: t.MaxPool2d(2), PICTURE),
    layer("max_pool2d_overlap", nn.MaxPool2d(3, 1), lambda t: t.MaxPool2d(3, 1), PICTURE),
    layer("max_pool2d_gaps", nn.MaxPool2d(2, 3), lambda t: t.MaxPool2d(2, 3), PICTURE),
    layer("max_pool2d_padding", nn.MaxPool2d(3, 2, 1), lambda t: t.MaxPool2d(3, 2, 1), PICTURE),
    layer(
        "max_pool2d_pairs",
        nn.MaxPool2d((2, 3), (1, 2), (0, 1)),
        lambda t: t.MaxPool2d((2, 3), (1, 2), (0, 1)),
        PICTURE,
    ),
    layer(
        "max_pool2d_ties",
        nn.MaxPool2d(3, 2, 1),
        lambda t: t.MaxPool2d(3, 2, 1),
        PICTURE,
        whole=True,
    ),
    layer(
        "max_pool2d_same_odd",
        nn.MaxPool2d(3, 1, "same"),
        lambda t: t.MaxPool2d(3, 1, 1),
        PICTURE,
    ),
    layer(
        "max_pool2d_same_even",
        nn.MaxPool2d(2, 1, "same"),
        lambda t: t.Sequential(t.ConstantPad2d((0, 1, 0, 1), -float("inf")), t.MaxPool2d(2, 1)),
        PICTURE,
    ),
    layer("avg_pool2d", nn.AvgPool2d(2), lambda t: t.AvgPool2d(2), PICTURE),
    layer("avg_pool2d_overlap", nn.AvgPool2d(3, 1), lambda t: t.AvgPool2d(3, 1), PICTURE),
    layer("avg_pool2d_padding", nn.AvgPool2d(3, 2, 1), lambda t: t.AvgPool2d(3, 2, 1), PICTURE),
    layer(
        "avg_pool2d_pairs",
        nn.AvgPool2d((2, 3), (1, 2), (0, 1)),
        lambda t: t.AvgPool2d((2, 3), (1, 2), (0, 1)),
        PICTURE,
    ),
    layer(
        "avg_pool2d_same_even",
        nn.AvgPool2d(2, 1, "same"),
        lambda t: t.Sequential(t.ZeroPad2d((0, 1, 0, 1)), t.AvgPool2d(2, 1)),
        PICTURE,
    ),
    layer("max_pool1d", nn.MaxPool1d(2), lambda t: t.MaxPool1d(2), LINE),
    layer("max_pool1d_padding", nn.MaxPool1d(3, 2, 1), lambda t: t.MaxPool1d(3, 2, 1), LINE),
    layer("max_pool1d_ties", nn.MaxPool1d(4, 2), lambda t: t.MaxPool1d(4, 2), LINE, whole=True),
    layer("avg_pool1d", nn.AvgPool1d(3), lambda t: t.AvgPool1d(3), LINE),
    layer("avg_pool1d_padding", nn.AvgPool1d(3, 2, 1), lambda t: t.AvgPool1d(3, 2, 1), LINE),
    layer(
        "global_avg_pool_2d",
        nn.GlobalAvgPool(),
        lambda t: t.Sequential(t.AdaptiveAvgPool2d(1), t.Flatten()),
        PICTURE,
    ),
    layer(
        "global_avg_pool_1d",
        nn.GlobalAvgPool(),
        lambda t: t.Sequential(t.AdaptiveAvgPool1d(1), t.Flatten()),
        LINE,
    ),
    # Fully connected
    layer("linear", nn.Linear(5, 4), lambda t: t.Linear(5, 4), (3, 5)),
    layer("linear_one", nn.Linear(5, 1), lambda t: t.Linear(5, 1), (1, 5)),
    layer(
        "linear_no_bias",
        nn.Linear(5, 4, use_bias=False),
        lambda t: t.Linear(5, 4, bias=False),
        (3, 5),
    ),
    layer("flatten", nn.Flatten(), lambda t: t.Flatten(), (2, 2, 3, 2)),
    # Activations
    layer("relu", nn.ReLU(), lambda t: t.ReLU(), PICTURE),
    layer("relu_at_zero", nn.ReLU(), lambda t: t.ReLU(), (3, 5), whole=True),
    layer("leaky_relu_at_zero", nn.LeakyReLU(), lambda t: t.LeakyReLU(), (3, 5), whole=True),
    layer("leaky_relu", nn.LeakyReLU(), lambda t: t.LeakyReLU(), PICTURE),
    layer("leaky_relu_slope", nn.LeakyReLU(0.3), lambda t: t.LeakyReLU(0.3), (3, 5)),
    layer("sigmoid", nn.Sigmoid(), lambda t: t.Sigmoid(), PICTURE),
    layer("tanh", nn.Tanh(), lambda t: t.Tanh(), PICTURE),
    layer("gelu", nn.GELU(), lambda t: t.GELU(), PICTURE),
    layer("softmax", nn.Softmax(), lambda t: t.Softmax(1), (3, 6)),
    layer("softmax_places", nn.Softmax(), lambda t: t.Softmax(1), (2, 3, 2, 2)),
    layer("log_softmax", nn.LogSoftmax(), lambda t: t.LogSoftmax(1), (3, 6)),
    layer("log_softmax_places", nn.LogSoftmax(), lambda t: t.LogSoftmax(1), (2, 3, 2, 2)),
    # Batch normalisation
    layer("batch_norm1d", nn.BatchNorm1d(4), lambda t: t.BatchNorm1d(4), (5, 4), train=True),
    layer("batch_norm1d_eval", nn.BatchNorm1d(4), lambda t: t.BatchNorm1d(4), (5, 4)),
    layer(  # two values become -1 and 1, and dx would be 0 but for eps
        "batch_norm1d_two",
        nn.BatchNorm1d(4, eps=0.5),
        lambda t: t.BatchNorm1d(4, eps=0.5),
        (2, 4),
        train=True,
    ),
    layer("batch_norm1d_line", nn.BatchNorm1d(2), lambda t: t.BatchNorm1d(2), LINE, train=True),
    layer("batch_norm1d_line_eval", nn.BatchNorm1d(2), lambda t: t.BatchNorm1d(2), LINE),
    layer("batch_norm2d", nn.BatchNorm2d(2), lambda t: t.BatchNorm2d(2), PICTURE, train=True),
    layer("batch_norm2d_eval", nn.BatchNorm2d(2), lambda t: t.BatchNorm2d(2), PICTURE),
    layer(
        "batch_norm2d_one_image",
        nn.BatchNorm2d(2),
        lambda t: t.BatchNorm2d(2),
        (1, 2, 3, 2),
        train=True,
    ),
    layer(
        "batch_norm2d_settings",
        nn.BatchNorm2d(2, eps=0.1, momentum=0.3),
        lambda t: t.BatchNorm2d(2, eps=0.1, momentum=0.3),
        PICTURE,
        train=True,
    ),
    # Dropout: what is random in it has its own test
    layer("dropout_eval", nn.Dropout(0.5), lambda t: t.Dropout(0.5), (3, 5)),
    layer("dropout_rate_0", nn.Dropout(0.0), lambda t: t.Dropout(0.0), (3, 5), train=True),
    # Containers
    layer(
        "sequential_nested",
        nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 2, 3, use_bias=False), nn.BatchNorm2d(2), nn.ReLU()),
            nn.MaxPool2d(2),
            nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(8, 3), nn.Tanh())),
        ),
        lambda t: t.Sequential(
            t.Sequential(t.Conv2d(2, 2, 3, bias=False), t.BatchNorm2d(2), t.ReLU()),
            t.MaxPool2d(2),
            t.Sequential(t.Flatten(), t.Sequential(t.Linear(8, 3), t.Tanh())),
        ),
        PICTURE,
        train=True,
    ),
    layer(
        "concat",
        nn.Concat(
            nn.Conv2d(2, 1, 1),
            nn.Sequential(nn.Conv2d(2, 2, 3, padding=1), nn.ReLU()),
            nn.MaxPool2d(3, 1, 1),
        ),
        lambda t: t.Concat(
            t.Conv2d(2, 1, 1),
            t.Sequential(t.Conv2d(2, 2, 3, padding=1), t.ReLU()),
            t.MaxPool2d(3, 1, 1),
        ),
        PICTURE,
    ),
    layer(
        "concat_vectors",
        nn.Concat(nn.Linear(5, 2), nn.Linear(5, 3)),
        lambda t: t.Concat(t.Linear(5, 2), t.Linear(5, 3)),
        (3, 5),
    ),
    layer(
        "residual",
        nn.Residual(nn.Sequential(nn.Conv2d(2, 2, 3, 1, 1, use_bias=False), nn.BatchNorm2d(2))),
        lambda t: t.Residual(t.Sequential(t.Conv2d(2, 2, 3, 1, 1, bias=False), t.BatchNorm2d(2))),
        PICTURE,
        train=True,
    ),
    layer(
        "residual_shortcut",
        nn.Residual(nn.Conv2d(2, 3, 3, 2, 1), nn.Sequential(nn.Conv2d(2, 3, 1, 2))),
        lambda t: t.Residual(t.Conv2d(2, 3, 3, 2, 1), t.Sequential(t.Conv2d(2, 3, 1, 2))),
        PICTURE,
    ),
    layer(
        "containers_in_each_other",
        nn.Sequential(
            nn.Residual(
                nn.Concat(nn.Conv2d(2, 1, 1), nn.Residual(nn.Conv2d(2, 2, 3, 1, 1))),
                nn.Conv2d(2, 3, 1),
            ),
            nn.ReLU(),
            nn.Residual(nn.BatchNorm2d(3)),
        ),
        lambda t: t.Sequential(
            t.Residual(
                t.Concat(t.Conv2d(2, 1, 1), t.Residual(t.Conv2d(2, 2, 3, 1, 1))),
                t.Conv2d(2, 3, 1),
            ),
            t.ReLU(),
            t.Residual(t.BatchNorm2d(3)),
        ),
        PICTURE,
        train=True,
    ),
]


def _shared_ours() -> nn.Layer:
    twice = nn.Linear(4, 4)
    return nn.Sequential(twice, nn.Tanh(), twice)


def _shared_theirs(t):
    twice = t.Linear(4, 4)
    return t.Sequential(twice, t.Tanh(), twice)


LAYERS.append(layer("shared_layer", _shared_ours(), _shared_theirs, (3, 4)))
