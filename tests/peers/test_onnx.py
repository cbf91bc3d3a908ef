"""Networks through topwork's reader, passes and engine beside ONNX Runtime.

Tolerance everywhere: the difference's length is at most 1e-5 of the output's (relative L2), for float sums in another order.
"""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

import networks
from run_graph import difference, run_graph

TOLERANCE = 1e-5


def ort(model, inputs):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def check(tmp_path, model, inputs):
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    expected = ort(model, inputs)
    got = run_graph(path, [inputs[i.name] for i in model.graph.input if i.name in inputs])
    for name, right in zip([o.name for o in model.graph.output], expected):
        assert got[name].shape == right.shape
        assert np.linalg.norm(right) > 0
        assert difference(got[name], right) <= TOLERANCE, name


def check_network(tmp_path, name, opset):
    model, shape = networks.build(name, opset)
    image = np.random.default_rng(5).standard_normal((2,) + shape[1:]).astype(np.float32)
    check(tmp_path, model, {"image": image})


@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("opset", [7, 13, 22])
def test_network_of_every_family_equals_onnx_runtime(tmp_path, name, opset):
    check_network(tmp_path, name, opset)


@pytest.mark.full
@pytest.mark.parametrize("name", networks.NETWORKS)
@pytest.mark.parametrize("opset", [8, 9, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21])
def test_network_of_every_family_equals_onnx_runtime_at_every_opset(tmp_path, name, opset):
    check_network(tmp_path, name, opset)


RESIZES = [
    (10, {"mode": "nearest"}), (10, {"mode": "linear"}),
    *[(opset, {"mode": mode, "coordinate_transformation_mode": how, **({"nearest_mode": "floor"} if mode == "nearest" else {})})
      for opset in (11, 13, 19) for mode in ("nearest", "linear") for how in ("half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel")],
]


@pytest.mark.parametrize("opset,how", RESIZES, ids=lambda v: str(v) if isinstance(v, int) else "-".join(v.values()))
@pytest.mark.parametrize("by", ["scales", "sizes"])
def test_resize_equals_onnx_runtime(tmp_path, opset, how, by):
    n = networks.Net(opset, inputs=(("image", (1, 3, 9, 7)),))
    x = n.conv("image", 4, 3)
    scales = n.constant(np.array([1, 1, 2, 1.5], np.float32))
    roi = n.floats(0) if opset < 13 else ""
    if opset == 10:
        y = n.op("Resize", x, scales, **how)
    elif by == "scales":
        y = n.op("Resize", x, roi, scales, **how)
    else:
        y = n.op("Resize", x, roi, n.floats(0) if opset < 13 else "", n.ints(1, 4, 5, 20), **how)
    image = np.random.default_rng(2).standard_normal((1, 3, 9, 7)).astype(np.float32)
    check(tmp_path, n.model(n.op("Relu", y)), {"image": image})


@pytest.mark.parametrize("opset", [7, 9])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_upsample_equals_onnx_runtime(tmp_path, opset, mode):
    n = networks.Net(opset, inputs=(("image", (1, 3, 5, 6)),))
    if opset == 7:
        y = n.op("Upsample", "image", scales=[1.0, 1.0, 2.0, 3.0], mode=mode)
    else:
        y = n.op("Upsample", "image", n.constant(np.array([1, 1, 2, 3], np.float32)), mode=mode)
    image = np.random.default_rng(2).standard_normal((1, 3, 5, 6)).astype(np.float32)
    check(tmp_path, n.model(y), {"image": image})


@pytest.mark.parametrize("opset", [7, 11, 13])
@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_softmax_has_the_meaning_of_its_opset(tmp_path, opset, axis):
    n = networks.Net(opset, inputs=(("x", (2, 3, 4)),))
    y = n.op("Softmax", "x", **({} if axis is None else {"axis": axis}))
    z = n.op("LogSoftmax", "x", **({} if axis is None else {"axis": axis}))
    check(tmp_path, n.model(y, z), {"x": np.random.default_rng(2).standard_normal((2, 3, 4)).astype(np.float32)})


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("pads,ceil,counts", [((1, 1, 1, 1), 1, 0), ((0, 0, 0, 0), 1, 0), ((1, 0, 0, 1), 0, 1), ((1, 1, 1, 1), 1, 1), ((0, 0, 1, 1), 1, 0)])
@pytest.mark.parametrize("size", [8, 9, 10])
def test_pool_equals_onnx_runtime(tmp_path, kind, pads, ceil, counts, size):
    n = networks.Net(19, inputs=(("image", (1, 16, size, size + 1)),))
    counted = {"count_include_pad": counts} if kind == "AveragePool" else {}
    y = n.op(kind, "image", kernel_shape=[3, 2], strides=[2, 2], pads=list(pads[:1] + (0,) + pads[2:3] + (0,)), ceil_mode=ceil, **counted)
    check(tmp_path, n.model(y), {"image": np.random.default_rng(2).standard_normal((1, 16, size, size + 1)).astype(np.float32)})


def test_weights_in_every_field_of_a_tensor_are_read(tmp_path):
    values = np.random.default_rng(3).standard_normal(12).astype(np.float32)
    n = networks.Net(13, inputs=(("x", (2, 12)),))
    n.constants.append(helper.make_tensor("floats", TensorProto.FLOAT, [12], values))
    n.constants.append(helper.make_tensor("doubles", TensorProto.DOUBLE, [12], values.astype(np.float64)))
    n.constants.append(helper.make_tensor("halves", TensorProto.FLOAT16, [12], values.astype(np.float16)))
    n.constants.append(helper.make_tensor("ints", TensorProto.INT32, [12], range(12)))
    y = n.op("Add", "x", "floats")
    for name in ("doubles", "halves", "ints"):
        y = n.op("Add", y, n.op("Cast", name, to=TensorProto.FLOAT))
    y = n.op("Mul", y, n.op("Constant", value=helper.make_tensor("t", TensorProto.FLOAT, [1], [0.5])))
    check(tmp_path, n.model(y), {"x": np.random.default_rng(2).standard_normal((2, 12)).astype(np.float32)})


def test_gemm_of_every_form_equals_onnx_runtime(tmp_path):
    for a, b, alpha, beta, bias in ((0, 0, 1.0, 1.0, (7,)), (1, 0, 0.5, 2.0, (1, 7)), (0, 1, 1.0, 0.5, (4, 7)), (1, 1, -1.0, 1.0, (4, 1)), (0, 1, 1.0, 1.0, ())):
        n = networks.Net(13, inputs=(("x", (9, 4) if a else (4, 9)),))
        y = n.op("Gemm", "x", n.floats(*((7, 9) if b else (9, 7))), n.floats(*bias), transA=a, transB=b, alpha=alpha, beta=beta)
        check(tmp_path, n.model(n.op("Relu", y)), {"x": np.random.default_rng(2).standard_normal((9, 4) if a else (4, 9)).astype(np.float32)})
