"""all-MiniLM-L6-v2 as an ONNX graph, built once from the published weights.

Rules of the file: standard ONNX operators only (the runtime fuses what it likes); fp32 throughout, since
int8 results depend on the batch they were computed in; the same weights give the same bytes, so two
processes that build at once build the same file. Raise `GRAPH_VERSION` whenever the graph's numbers can
change: it is part of the embedder's recipe and of the cached file's name.

Three constants are folded in while building, because each would cost a node in every run: the token-type
row (always the first) into the position table, the 1/sqrt(32) of attention into the query projection, and
the transposition of every linear layer, which PyTorch stores output first. Query, key and value share one
matrix product.

Checking the weights, caching the result and running it belong to `weights.py` and `embedder.py`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Tensor = NDArray[numpy.float32]

GRAPH_VERSION = 1
LAYERS = 6
HIDDEN = 384
HEADS = 12
LAYER_NORM_EPSILON = 1e-12

# Operator set 17 brought LayerNormalization; IR 8 is what it was released with. Both are old enough for any
# runtime that this project supports.
_OPSET = 17
_IR_VERSION = 8
# Large enough that exp() of a padded score is exactly 0, small enough that adding it to a score stays
# finite.
_PADDED_SCORE = -1e9


def build_minilm(weights: Mapping[str, Tensor]) -> bytes:
    """The serialised model: from `token_ids` and `mask`, both (batch, length), to `embedding` (batch, 384).

    Each embedding has length 1. `weights` are the published tensors by their published names.
    """
    graph = _Graph()
    state = _embed_tokens(graph, weights)
    padding = _padding_scores(graph)
    for number in range(LAYERS):
        layer = {name: weights[f"encoder.layer.{number}.{name}"] for name in _LAYER_TENSORS}
        attended = _attention(graph, layer, state, padding, f"layer{number}.attention")
        state = _feed_forward(graph, layer, attended, f"layer{number}.feed_forward")
    _pool(graph, state)
    return graph.serialized()


_LAYER_TENSORS = tuple(
    f"{part}.{kind}"
    for part in (
        "attention.self.query",
        "attention.self.key",
        "attention.self.value",
        "attention.output.dense",
        "attention.output.LayerNorm",
        "intermediate.dense",
        "output.dense",
        "output.LayerNorm",
    )
    for kind in ("weight", "bias")
)


def _embed_tokens(graph: _Graph, weights: Mapping[str, Tensor]) -> str:
    positions = weights["embeddings.position_embeddings.weight"]
    token_type = weights["embeddings.token_type_embeddings.weight"][0]
    table = graph.constant("words", weights["embeddings.word_embeddings.weight"])
    words = graph.node("Gather", table, "token_ids", name="embed_words")
    shape = graph.node("Shape", "token_ids", name="shape", start=1, end=2)
    rows = graph.constant("positions", positions + token_type)
    used = graph.node(
        "Slice", rows, graph.integers("zero", 0), shape, graph.integers("axis0", 0), name="positions_used"
    )
    return graph.layer_norm(
        graph.node("Add", words, used, name="embed_sum"),
        weights["embeddings.LayerNorm.weight"],
        weights["embeddings.LayerNorm.bias"],
        name="embed_norm",
    )


def _padding_scores(graph: _Graph) -> str:
    """0 for a token, a very low score for padding; adds to scores of (batch, heads, length, length)."""
    absent = graph.node("Sub", graph.scalar("one", 1.0), "mask", name="absent")
    scores = graph.node("Mul", absent, graph.scalar("padded_score", _PADDED_SCORE), name="padding_scores")
    return graph.node("Unsqueeze", scores, graph.integers("axes1_2", 1, 2), name="padding")


def _attention(graph: _Graph, layer: Mapping[str, Tensor], state: str, padding: str, name: str) -> str:
    import numpy

    scale = numpy.float32(1 / math.sqrt(HIDDEN // HEADS))
    parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
    factors = (scale, numpy.float32(1), numpy.float32(1))
    joined = {
        kind: numpy.concatenate(
            [layer[f"{part}.{kind}"] * by for part, by in zip(parts, factors, strict=True)]
        )
        for kind in ("weight", "bias")
    }
    projected = graph.linear(state, joined["weight"], joined["bias"], name=f"{name}.projection")
    split = graph.split(projected, 3, name=f"{name}.split")
    to_heads = graph.integers("to_heads", 0, 0, HEADS, HIDDEN // HEADS)
    query, key, value = (
        graph.node(
            "Transpose",
            graph.node("Reshape", part, to_heads, name=f"{part}.heads"),
            name=f"{part}.turned",
            perm=order,
        )
        for part, order in zip(split, ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3)), strict=True)
    )
    scores = graph.node(
        "Add", graph.node("MatMul", query, key, name=f"{name}.products"), padding, name=f"{name}.scores"
    )
    shares = graph.node("Softmax", scores, name=f"{name}.shares", axis=-1)
    mixed = graph.node("MatMul", shares, value, name=f"{name}.mixed")
    rows = graph.node("Transpose", mixed, name=f"{name}.rows", perm=(0, 2, 1, 3))
    flat = graph.node("Reshape", rows, graph.integers("to_hidden", 0, 0, HIDDEN), name=f"{name}.flat")
    out = "attention.output"
    dense = graph.linear(
        flat, layer[f"{out}.dense.weight"], layer[f"{out}.dense.bias"], name=f"{name}.output"
    )
    summed = graph.node("Add", dense, state, name=f"{name}.sum")
    return graph.layer_norm(
        summed, layer[f"{out}.LayerNorm.weight"], layer[f"{out}.LayerNorm.bias"], name=f"{name}.norm"
    )


def _feed_forward(graph: _Graph, layer: Mapping[str, Tensor], state: str, name: str) -> str:
    wide = graph.linear(
        state, layer["intermediate.dense.weight"], layer["intermediate.dense.bias"], name=f"{name}.wide"
    )
    # The exact GELU, x/2 * (1 + erf(x / sqrt 2)), in the shape that the runtime knows how to fuse.
    inner = graph.node("Div", wide, graph.scalar("sqrt_two", math.sqrt(2)), name=f"{name}.inner")
    erf = graph.node("Erf", inner, name=f"{name}.erf")
    lifted = graph.node("Add", erf, graph.scalar("one", 1.0), name=f"{name}.lifted")
    gated = graph.node("Mul", wide, lifted, name=f"{name}.gated")
    active = graph.node("Mul", gated, graph.scalar("half", 0.5), name=f"{name}.active")
    narrow = graph.linear(
        active, layer["output.dense.weight"], layer["output.dense.bias"], name=f"{name}.narrow"
    )
    summed = graph.node("Add", narrow, state, name=f"{name}.sum")
    return graph.layer_norm(
        summed, layer["output.LayerNorm.weight"], layer["output.LayerNorm.bias"], name=f"{name}.norm"
    )


def _pool(graph: _Graph, state: str) -> None:
    """The mean over real tokens, scaled to length 1.

    Sums are written as matrix products: the runtime's reductions add in another order when the batch is 1,
    which was the only place where a text's last bits depended on its company.
    """
    row = graph.node("Unsqueeze", "mask", graph.integers("axis1", 1), name="mask_row")
    total = graph.node("MatMul", row, state, name="total")
    # The mean's divisor would cancel out against the norm, so the sum is scaled at once.
    turned = graph.node("Transpose", total, name="total_turned", perm=(0, 2, 1))
    square = graph.node("MatMul", total, turned, name="square")
    unit = graph.node("Div", total, graph.node("Sqrt", square, name="norm"), name="unit")
    graph.node("Squeeze", unit, graph.integers("axis1", 1), name="embedding")


class _Graph:
    """Nodes and constants in the order they were named; a node's name is also the name of what it computes.

    Everything is written into the final message at once: the library's own way of passing lists of tensors
    on copies 90 MB at each step.
    """

    def __init__(self) -> None:
        from onnx import TensorProto, helper

        axes = ["batch", "length"]
        inputs = [
            helper.make_tensor_value_info("token_ids", TensorProto.INT64, axes),
            helper.make_tensor_value_info("mask", TensorProto.FLOAT, axes),
        ]
        outputs = [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", HIDDEN])]
        self._model = helper.make_model(
            helper.make_graph([], f"all-MiniLM-L6-v2 graph {GRAPH_VERSION}", inputs, outputs),
            producer_name="mainstay",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", _OPSET)],
        )
        self._constants: set[str] = set()

    def serialized(self) -> bytes:
        content: bytes = self._model.SerializeToString(deterministic=True)
        return content

    def node(self, operator: str, *inputs: str, name: str, **attributes: Any) -> str:
        from onnx import helper

        self._model.graph.node.append(
            helper.make_node(operator, list(inputs), [name], name=name, **attributes)
        )
        return name

    def split(self, value: str, parts: int, *, name: str) -> tuple[str, ...]:
        from onnx import helper

        names = [f"{name}.{number}" for number in range(parts)]
        self._model.graph.node.append(helper.make_node("Split", [value], names, name=name, axis=-1))
        return tuple(names)

    def linear(self, value: str, weight: Tensor, bias: Tensor, *, name: str) -> str:
        product = self.node(
            "MatMul", value, self.constant(f"{name}.weight", weight.T), name=f"{name}.product"
        )
        return self.node("Add", product, self.constant(f"{name}.bias", bias), name=name)

    def layer_norm(self, value: str, weight: Tensor, bias: Tensor, *, name: str) -> str:
        scale, shift = self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)
        return self.node(
            "LayerNormalization", value, scale, shift, name=name, axis=-1, epsilon=LAYER_NORM_EPSILON
        )

    def scalar(self, name: str, value: float) -> str:
        import numpy

        return self.constant(name, numpy.array(value, dtype=numpy.float32))

    def integers(self, name: str, *values: int) -> str:
        import numpy

        return self._keep(name, numpy.array(values, dtype=numpy.int64))

    def constant(self, name: str, value: Tensor) -> str:
        import numpy

        return self._keep(name, numpy.ascontiguousarray(value, dtype="<f4"))

    def _keep(self, name: str, value: NDArray[Any]) -> str:
        from onnx import helper

        if name not in self._constants:
            self._constants.add(name)
            data_type = helper.np_dtype_to_tensor_dtype(value.dtype)
            self._model.graph.initializer.add(
                name=name, data_type=data_type, dims=value.shape, raw_data=value.tobytes()
            )
        return name
