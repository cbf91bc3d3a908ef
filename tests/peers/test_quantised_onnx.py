"""Networks that onnxruntime.quantization made, in both of its spellings, beside ONNX Runtime.

ONNX Runtime sums in integers where it knows a kernel and in floats where not, and rounds a number that lies between two steps one way or the other; the
layers behind enlarge that. So outputs are near, not equal: the tolerance is the length of the difference as a share of the output's, and stands
beside what quantising itself costs, which must be more.
"""
import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

import networks
from run_graph import cosine, difference, run_graph
from test_onnx import ort

U8, S8 = QuantType.QUInt8, QuantType.QInt8


class Images(CalibrationDataReader):
    def __init__(self, name, images):
        self.left = iter([{name: image} for image in images])

    def get_next(self):
        return next(self.left, None)


def images_of(shape, count, seed):
    return [np.random.default_rng(seed + i).standard_normal((1,) + tuple(shape[1:])).astype(np.float32) for i in range(count)]


def quantised(tmp_path, model, shape, spelling, activations, weights, per_channel):
    onnx.save(model, tmp_path / "float.onnx")
    quantize_static(tmp_path / "float.onnx", tmp_path / "quantised.onnx", Images(model.graph.input[0].name, images_of(shape, 6, 20)), quant_format=spelling,
                    per_channel=per_channel, activation_type=activations, weight_type=weights)
    return tmp_path / "quantised.onnx"


def kinds(path):
    return {node.op_type for node in onnx.load(path).graph.node}


def check(path, model, shape, tolerance):
    right = onnx.load(path)
    for image in images_of(shape, 2, 90):
        inputs = {model.graph.input[0].name: image}
        wanted, exact = ort(right, inputs)[0], ort(model, inputs)[0]
        got = next(iter(run_graph(path, [image]).values()))
        assert got.shape == wanted.shape
        assert difference(got, wanted) <= tolerance
        assert cosine(got, exact) >= cosine(wanted, exact) - 0.01, "further from the network that was quantised than ONNX Runtime is"


@pytest.mark.parametrize("name", ["resnet", "inception", "mobilenet_v2", "squeezenet"])
@pytest.mark.parametrize("spelling", [QuantFormat.QDQ, QuantFormat.QOperator], ids=["qdq", "qoperator"])
@pytest.mark.parametrize("activations, weights, per_channel", [(U8, S8, True), (U8, U8, False), (S8, S8, True), (S8, S8, False), (U8, S8, False)],
                         ids=["u8s8-channels", "u8u8", "s8s8-channels", "s8s8", "u8s8"])
def test_network_quantised_by_onnx_runtime_gives_its_outputs(tmp_path, name, spelling, activations, weights, per_channel):
    model, shape = networks.build(name, 13)
    path = quantised(tmp_path, model, shape, spelling, activations, weights, per_channel)
    assert ("QLinearConv" in kinds(path)) == (spelling is QuantFormat.QOperator)
    check(path, model, shape, 0.05)


@pytest.mark.full
@pytest.mark.parametrize("name", ["mobilenet_v3", "efficientnet", "vit", "densenet", "googlenet", "vgg", "mobilenet_v1"])
@pytest.mark.parametrize("spelling", [QuantFormat.QDQ, QuantFormat.QOperator], ids=["qdq", "qoperator"])
def test_every_family_quantised_by_onnx_runtime_gives_its_outputs(tmp_path, name, spelling):
    model, shape = networks.build(name, 13)
    check(quantised(tmp_path, model, shape, spelling, U8, S8, True), model, shape, 0.15)


def test_convolutions_and_products_of_quantised_networks_are_done_in_integers(topwork, tmp_path):
    model, shape = networks.build("resnet", 13)
    for spelling in (QuantFormat.QDQ, QuantFormat.QOperator):
        path = quantised(tmp_path, model, shape, spelling, U8, S8, True)
        lines = [line.split() for line in topwork("backbone", "info", path, "--profile", "--threads", "1", "-q").stdout.splitlines()]
        steps = [line for line in lines if "Conv" in line or "Gemm" in line]
        assert len(steps) >= 13 and all("int8" in line for line in steps)


@pytest.mark.parametrize("name", ["resnet", "vit"])
def test_network_quantised_dynamically_is_near_the_network_that_it_was(tmp_path, name):
    """Activations are not rounded here, so nearer to the exact network than ONNX Runtime comes."""
    model, shape = networks.build(name, 13)
    onnx.save(model, tmp_path / "float.onnx")
    quantize_dynamic(tmp_path / "float.onnx", tmp_path / "dynamic.onnx")
    assert "DynamicQuantizeLinear" in kinds(tmp_path / "dynamic.onnx")
    image = images_of(shape, 1, 90)[0]
    got = next(iter(run_graph(tmp_path / "dynamic.onnx", [image]).values()))
    wanted, exact = (ort(m, {"image": image})[0] for m in (onnx.load(tmp_path / "dynamic.onnx"), model))
    assert cosine(got, exact) >= cosine(wanted, exact) - 1e-3
    assert difference(got, wanted) <= 0.1


def test_bits_hang_on_neither_threads_nor_batch(tmp_path):
    model, shape = networks.build("mobilenet_v2", 13)
    for spelling in (QuantFormat.QDQ, QuantFormat.QOperator):
        path = quantised(tmp_path, model, shape, spelling, U8, U8, False)
        images = np.concatenate(images_of(shape, 3, 90))
        together = next(iter(run_graph(path, [images], threads=2).values()))
        alone = [next(iter(run_graph(path, [image[None]]).values()))[0] for image in images]
        assert np.array_equal(together, np.stack(alone))


@pytest.mark.parametrize("spelling", [QuantFormat.QDQ, QuantFormat.QOperator], ids=["qdq", "qoperator"])
def test_inception_quantised_by_onnx_runtime_gives_its_embedding(tmp_path, inception, flowers, spelling):
    """The real network in full, calibrated on photos."""
    from test_engine import pixels
    photos = sorted((flowers / "photos").glob("*/*.jpg"))[::75]
    assert len(photos) >= 6
    images = [pixels(path)[None] for path in photos]
    quantize_static(inception, tmp_path / "q.onnx", Images("image", images[:6]), quant_format=spelling, per_channel=True, activation_type=U8, weight_type=S8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(tmp_path / "q.onnx", options, providers=["CPUExecutionProvider"])
    for image in images[6:]:
        wanted = session.run(["embedding"], {"image": image})[0]
        assert cosine(run_graph(tmp_path / "q.onnx", [image], "embedding")["embedding"], wanted) > 0.995
