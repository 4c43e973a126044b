"""ONNX Runtime as a contestant, in inference only."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from byhand import nn
from byhand.bench.cases import IMAGE
from byhand.bench.contestant import Contestant, Labels, Pictures
from byhand.errors import ByhandError

OPSET = 17
IR_VERSION = 8  # of the file format, which belongs to that operator set


class OnnxRuntime(Contestant):
    """A session of our network as an ONNX graph, with all of ONNX Runtime's optimisations."""

    name = "onnxruntime"
    package = "onnxruntime"
    trains = False

    def set_up(self, model: nn.Sequential) -> None:
        """Write the graph in memory and open a session on it."""
        runtime: Any = import_module("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = self.threads
        self.session = runtime.InferenceSession(
            graph(model).SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def infer(self, x: Pictures) -> NDArray[np.float32]:
        """One run of the session."""
        return self.session.run(None, {"x": x})[0]

    def batch(self, x: Pictures, labels: Labels) -> Any:
        """It does not train."""
        raise ByhandError("ONNX Runtime does not train here; time its inference only")

    def step(self, batch: Any) -> float:
        """It does not train."""
        return self.batch(batch, batch)

    def gradients(self, batch: Any) -> dict[str, NDArray[Any]]:
        """It has none."""
        return {}


def graph(model: nn.Sequential) -> Any:
    """The network as an ONNX model: input x (N, 1, 28, 28), output y (N, 10)."""
    onnx: Any = import_module("onnx")
    helper, number = onnx.helper, onnx.TensorProto.FLOAT
    nodes, value = [], "x"
    for i, layer in enumerate(model):
        kind = type(layer).__name__
        given, weights = [value], [name for name, _ in layer.named_params(f"{i}.")]
        value = f"y{i}"
        if kind == "Conv2d":
            padding = [layer.padding] * 4  # type: ignore[attr-defined]
            node = helper.make_node("Conv", given + weights, [value], pads=padding)
        elif kind == "Linear":
            node = helper.make_node("Gemm", given + weights, [value], transB=1)
        elif kind == "MaxPool2d":
            size = [layer.kernel_size] * 2  # type: ignore[attr-defined]
            node = helper.make_node("MaxPool", given, [value], kernel_shape=size, strides=size)
        elif kind in ("ReLU", "Flatten"):
            node = helper.make_node({"ReLU": "Relu"}.get(kind, kind), given, [value])
        else:  # Dropout, which lets everything through
            node = helper.make_node("Identity", given, [value])
        nodes.append(node)
    made = helper.make_graph(
        nodes,
        "byhand",
        [helper.make_tensor_value_info("x", number, ["n", *IMAGE])],
        [helper.make_tensor_value_info(value, number, ["n", "classes"])],
        [onnx.numpy_helper.from_array(v.copy(), name) for name, v in model.parameters().items()],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(made, opset_imports=[opset], ir_version=IR_VERSION)
