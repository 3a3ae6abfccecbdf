"""Products with constant matrices, in integers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from models.onnx_int8 import quantise

WIDTH, OUT = 6, 3
RANDOM = np.random.default_rng(0)
MATRIX = RANDOM.normal(size=(WIDTH, OUT)).astype(np.float32)
BIAS = np.array([100, -100, 0], dtype=np.float32)


def model(path: Path, *nodes: Any, **constants: Any) -> None:
    """(rows, WIDTH) "x" → "y"."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", WIDTH])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", "columns"])
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "graph", [x], [y], tensors)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save_model(made, path)


def quantised(path: Path) -> Path:
    """The model at this path, in 8 bits."""
    read = onnx_ir.load(path)
    quantise(read)
    made = path.with_name("int8.onnx")
    onnx_ir.save(read, made)
    onnx.checker.check_model(onnx.load(made), full_check=True)
    return made


def run(path: Path, x: Any) -> Any:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.asarray(x, dtype=np.float32)})[0]


def kinds(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize(
    ("node", "matrix", "bias"),
    [
        (helper.make_node("MatMul", ["x", "matrix"], ["y"]), MATRIX, 0),
        (helper.make_node("Gemm", ["x", "matrix"], ["y"]), MATRIX, 0),
        (helper.make_node("Gemm", ["x", "matrix", "bias"], ["y"], transB=1), MATRIX.T.copy(), BIAS),
    ],
)
def test_a_product_with_a_constant_matrix_is_one_of_integers(
    tmp_path: Path, node: Any, matrix: Any, bias: Any
) -> None:
    """No farther from the exact one than half a step of either side allows, a step being a 127th of a row's
    largest value and a 63rd of a column's; rows of any size, zeros among them."""
    path = tmp_path / "model.onnx"
    model(path, node, matrix=matrix, bias=BIAS)
    path = quantised(path)
    assert "MatMulInteger" in kinds(path)
    x = RANDOM.normal(size=(5, WIDTH)) * [[1e-4], [1], [1], [1e4], [0]]
    sizes, weights = np.abs(x), np.abs(MATRIX)
    half_row = sizes.max(axis=1, keepdims=True) / 127 / 2
    half_column = weights.max(axis=0) / 63 / 2
    allowed = (
        sizes.sum(axis=1, keepdims=True) * half_column
        + half_row * weights.sum(axis=0)
        + WIDTH * half_row * half_column
    )
    assert (np.abs(run(path, x) - bias - x @ MATRIX) <= 1.01 * allowed + 1e-4).all()


def test_a_row_is_multiplied_alike_in_any_company(tmp_path: Path) -> None:
    """Beside a row that is a million times as large, too: each has its own scale."""
    path = tmp_path / "model.onnx"
    model(path, helper.make_node("MatMul", ["x", "matrix"], ["y"]), matrix=MATRIX)
    path = quantised(path)
    row = RANDOM.normal(size=(1, WIDTH))
    assert np.array_equal(run(path, np.concatenate([row, 1e6 * row]))[:1], run(path, row))


def test_the_largest_values_do_not_overflow(tmp_path: Path) -> None:
    """Ones by ones, by hand: the sum of 6, to the last digit, on processors that add in 16 bits, too."""
    path = tmp_path / "model.onnx"
    model(path, helper.make_node("MatMul", ["x", "matrix"], ["y"]), matrix=np.ones_like(MATRIX))
    path = quantised(path)
    assert run(path, np.ones((1, WIDTH))) == pytest.approx(np.full((1, OUT), WIDTH))


def test_other_products_stay_as_they_are(tmp_path: Path) -> None:
    """Of two things that are computed, scaled by a factor, or by a matrix for each row."""
    path = tmp_path / "model.onnx"
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"]),
        helper.make_node("MatMul", ["x", "t"], ["squares"]),
        helper.make_node("Gemm", ["x", "matrix"], ["scaled"], alpha=2.0),
        helper.make_node("MatMul", ["squares", "scaled"], ["y"]),
    ]
    model(path, *nodes, matrix=MATRIX)
    x = RANDOM.normal(size=(2, WIDTH))
    before = run(path, x)
    path = quantised(path)
    assert kinds(path) == ["Transpose", "MatMul", "Gemm", "MatMul"]
    assert np.array_equal(run(path, x), before)


def test_what_is_read_twice_is_turned_into_integers_once(tmp_path: Path) -> None:
    """Two matrices over the same rows."""
    path = tmp_path / "model.onnx"
    nodes = [
        helper.make_node("MatMul", ["x", "matrix"], ["first"]),
        helper.make_node("MatMul", ["x", "other"], ["second"]),
        helper.make_node("Add", ["first", "second"], ["y"]),
    ]
    model(path, *nodes, matrix=MATRIX, other=-MATRIX)
    path = quantised(path)
    assert kinds(path).count("MatMulInteger") == 2
    assert kinds(path).count("ReduceMax") == 1
    assert run(path, RANDOM.normal(size=(2, WIDTH))) == pytest.approx(np.zeros((2, OUT)), abs=1e-6)
