"""An ONNX model in 8 bits: its constant matrices are multiplied as integers, with a scale for every row.

The usual dynamic quantisation has one scale for all rows of a batch, so that a text's vector depends on its
neighbours, as much as it differs from the exact one. Here every row of the left side is scaled by its own
largest value, as is every column of the matrix (per token and per channel: Yao et al. 2022, ZeroQuant,
arXiv:2206.01861). What is no product with a constant matrix, tables of embeddings among it, stays in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx_ir

_ZERO = 128
"""What stands for 0 in the unsigned bytes of the left side: processors multiply those by signed ones."""
_LARGEST = 127
_LARGEST_WEIGHT = 63
"""Not 127: two products are added in 16 bits by processors without VNNI, and 2 × 255 × 63 still fits."""
_SMALLEST = 1e-12
"""A row of zeros is scaled by this."""


def quantise(model: onnx_ir.Model) -> None:
    """Changes the model in place; tensors that stay are neither read nor copied."""
    graph = model.graph
    integers = _Integers(graph)
    for node in list(graph):
        matrix = _matrix(node)
        if matrix is not None:
            integers.replace(node, matrix)
    for name, value in list(graph.initializers.items()):
        if not value.uses():
            del graph.initializers[name]


def _matrix(node: onnx_ir.Node) -> NDArray[np.float32] | None:
    """(in, out): by what a node multiplies, where that is a constant matrix."""
    if node.op_type not in ("MatMul", "Gemm") or (right := node.inputs[1]) is None:
        return None
    attributes = {name: attribute.value for name, attribute in node.attributes.items()}
    turned = attributes.pop("transB", 0)
    plain = all(value == (0 if name == "transA" else 1) for name, value in attributes.items())
    if right.const_value is None or len(right.const_value.shape) != 2 or not plain:
        return None
    matrix = right.const_value.numpy()
    return matrix.T if turned else matrix


class _Integers:
    """Puts products of integers into a graph."""

    def __init__(self, graph: onnx_ir.Graph) -> None:
        self._graph = graph
        self._rows: dict[onnx_ir.Value, tuple[onnx_ir.Value, onnx_ir.Value]] = {}
        self._largest = self._constant("largest", np.float32(_LARGEST))
        self._smallest = self._constant("smallest", np.float32(_SMALLEST))
        self._zero = self._constant("zero", np.uint8(_ZERO))
        self._zero_and_half = self._constant("zero_and_half", np.float32(_ZERO + 0.5))
        self._last_axis = self._constant("last_axis", np.array([-1], dtype=np.int64))

    def replace(self, node: onnx_ir.Node, matrix: NDArray[np.float32]) -> None:
        """A MatMul or Gemm by this matrix."""
        import onnx_ir  # noqa: PLC0415 - an extra

        left, name = node.inputs[0], node.outputs[0].name
        assert left is not None
        scale = np.maximum(np.abs(matrix).max(axis=0), _SMALLEST) / np.float32(_LARGEST_WEIGHT)
        weights = self._constant(f"{name}.weights", np.rint(matrix / scale).astype(np.int8))
        scales = self._constant(f"{name}.scales", scale.astype(np.float32))
        rows, scale_of_row = self._rows.get(left) or self._in_rows(node, left)
        sums = self._before(node, "MatMulInteger", rows, weights, self._zero)
        floats = self._before(node, "Cast", sums, to=onnx_ir.DataType.FLOAT)
        result = self._before(node, "Mul", self._before(node, "Mul", floats, scale_of_row), scales)
        if len(node.inputs) > 2:
            result = self._before(node, "Add", result, node.inputs[2])
        onnx_ir.convenience.replace_nodes_and_values(
            self._graph, node, [node], [], [node.outputs[0]], [result]
        )

    def _in_rows(self, node: onnx_ir.Node, values: onnx_ir.Value) -> tuple[onnx_ir.Value, onnx_ir.Value]:
        """The values as integers, and the scale of each row; made before `node`, which reads them first."""
        import onnx_ir  # noqa: PLC0415 - an extra

        peak = self._before(node, "ReduceMax", self._before(node, "Abs", values), self._last_axis)
        size = self._before(node, "Max", peak, self._smallest)
        factor = self._before(node, "Div", self._largest, size)
        shifted = self._before(node, "Add", self._before(node, "Mul", values, factor), self._zero_and_half)
        # A cast cuts off what is behind the point: with the half, it rounds.
        rows = self._before(node, "Cast", shifted, to=onnx_ir.DataType.UINT8)
        self._rows[values] = rows, self._before(node, "Div", size, self._largest)
        return self._rows[values]

    def _before(
        self, node: onnx_ir.Node, kind: str, *inputs: onnx_ir.Value | None, **attributes: Any
    ) -> onnx_ir.Value:
        import onnx_ir  # noqa: PLC0415 - an extra

        made = onnx_ir.node(kind, inputs, attributes)
        self._graph.insert_before(node, made)
        return made.outputs[0]

    def _constant(self, name: str, value: Any) -> onnx_ir.Value:
        import onnx_ir  # noqa: PLC0415 - an extra

        constant = onnx_ir.val(
            f"int8.{name}", const_value=onnx_ir.tensor(np.asarray(value), name=f"int8.{name}")
        )
        self._graph.register_initializer(constant)
        return constant
