"""Frozen TensorFlow graphs beside TensorFlow: Keras' own applications, and a graph built as that of 2015 (classify_image_graph_def.pb)."""
import os

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402  (the level must be set before)
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2  # noqa: E402

from run_graph import difference, run_graph  # noqa: E402

# Relative L2, for float sums in another order through up to a hundred layers.
TOLERANCE = 2e-5

QUICK = [("MobileNetV2", 64, {}), ("MobileNetV3Small", 64, {"include_preprocessing": False}), ("InceptionV3", 75, {})]
FULL = [("ResNet50", 64, {}), ("ResNet50V2", 64, {}), ("MobileNet", 64, {}), ("EfficientNetB0", 64, {}), ("EfficientNetV2B0", 64, {}),
        ("DenseNet121", 64, {}), ("VGG16", 64, {}), ("Xception", 75, {}), ("NASNetMobile", 64, {}), 
        ("MobileNetV3Large", 64, {}), ("InceptionResNetV2", 75, {})]


def application(name, size, options):
    """With random weights in the batch norms too, which Keras starts as doing nothing."""
    tf.keras.utils.set_random_seed(4)
    model = getattr(tf.keras.applications, name)(weights=None, include_top=False, pooling="avg", input_shape=(size, size, 3), **options)
    random = np.random.default_rng(6)
    for weight in model.weights:
        if weight.path.endswith(("gamma", "moving_variance")):
            weight.assign(0.7 + 0.6 * random.random(weight.shape))
        elif weight.path.endswith(("beta", "moving_mean", "bias")):
            weight.assign(0.1 * random.standard_normal(weight.shape))
    return model


def freeze(function, folder):
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    path = folder / "frozen.pb"
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    return path, frozen.outputs[0].op.name


def check_application(tmp_path, name, size, options):
    model = application(name, size, options)
    path, output = freeze(tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, size, size, 3))]), tmp_path)
    image = np.random.default_rng(8).random((2, size, size, 3)).astype(np.float32) * 2 - 1
    expected = model(image, training=False).numpy()
    (got,) = run_graph(path, [image], output).values()
    assert got.shape == expected.shape
    assert np.linalg.norm(expected) > 0
    assert difference(got, expected) <= TOLERANCE


@pytest.mark.parametrize("name,size,options", QUICK, ids=lambda v: v if isinstance(v, str) else "")
def test_frozen_application_equals_tensorflow(tmp_path, name, size, options):
    check_application(tmp_path, name, size, options)


@pytest.mark.full
@pytest.mark.parametrize("name,size,options", FULL, ids=lambda v: v if isinstance(v, str) else "")
def test_every_frozen_application_equals_tensorflow(tmp_path, name, size, options):
    check_application(tmp_path, name, size, options)


class Graph2015:
    """A GraphDef written node by node, as TensorFlow's own of December 2015 was: ops that are deprecated since, and names."""

    def __init__(self):
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8  # BatchNormWithGlobalNormalization ends at 9
        self.random = np.random.default_rng(12)

    def node(self, op, name, *inputs, **attributes):
        node = self.graph.node.add(op=op, name=name, input=inputs)
        for key, value in attributes.items():
            if key in ("T", "dtype", "SrcT", "DstT", "Tshape", "Tdim"):
                node.attr[key].type = value
            elif isinstance(value, bool):
                node.attr[key].b = value
            elif isinstance(value, int):
                node.attr[key].i = value
            elif isinstance(value, float):
                node.attr[key].f = value
            elif isinstance(value, str):
                node.attr[key].s = value.encode()
            else:
                node.attr[key].list.i.extend(value)
        return name

    def constant(self, name, array):
        array = np.asarray(array)
        node = self.graph.node.add(op="Const", name=name)
        node.attr["dtype"].type = tf.as_dtype(array.dtype).as_datatype_enum
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
        return name

    def photo(self, size):
        text, image = tf.string.as_datatype_enum, tf.uint8.as_datatype_enum
        self.node("Placeholder", "DecodeJpeg/contents", dtype=text)
        self.node("DecodeJpeg", "DecodeJpeg", "DecodeJpeg/contents", channels=3, ratio=1, fancy_upscaling=True, try_recover_truncated=False, acceptable_fraction=1.0)
        self.node("Cast", "Cast", "DecodeJpeg", SrcT=image, DstT=1)
        self.constant("ExpandDims/dim", np.int32(0))
        self.node("ExpandDims", "ExpandDims", "Cast", "ExpandDims/dim", T=1)
        self.constant("ResizeBilinear/size", np.array([size, size], np.int32))
        self.node("ResizeBilinear", "ResizeBilinear", "ExpandDims", "ResizeBilinear/size", T=1, align_corners=False)
        self.constant("Sub/y", np.float32(128))
        self.node("Sub", "Sub", "ResizeBilinear", "Sub/y", T=1)
        self.constant("Mul/y", np.float32(0.0078125))
        return self.node("Mul", "Mul", "Sub", "Mul/y", T=1)

    def checked(self, name, array):
        return self.node("CheckNumerics", f"{name}/read", self.constant(name, array.astype(np.float32)), T=1, message="in test")

    def conv(self, name, x, depth, out, size, stride, padding):
        """Convolution, the old batch norm, Relu."""
        draw = self.random
        weights = self.checked(f"{name}/params", draw.standard_normal((size, size, depth, out)) * (2 / (size * size * depth)) ** 0.5)
        y = self.node("Conv2D", f"{name}/Conv2D", x, weights, T=1, strides=[1, stride, stride, 1], padding=padding, use_cudnn_on_gpu=True)
        moments = [self.checked(f"{name}/mean", draw.standard_normal(out) * 0.1), self.checked(f"{name}/variance", draw.random(out) + 0.5),
                   self.checked(f"{name}/beta", draw.standard_normal(out) * 0.1), self.checked(f"{name}/gamma", draw.random(out) + 0.5)]
        y = self.node("BatchNormWithGlobalNormalization", f"{name}/batchnorm", y, *moments, T=1, variance_epsilon=0.001,
                      scale_after_normalization=name.endswith("conv"))
        return self.node("Relu", name, self.node("CheckNumerics", f"{name}/CheckNumerics", y, T=1, message="conv"), T=1)

    def pool(self, op, name, x, size, stride, padding):
        return self.node(op, name, x, T=1, ksize=[1, size, size, 1], strides=[1, stride, stride, 1], padding=padding)


def graph_of_2015():
    g = Graph2015()
    x = g.conv("conv", g.photo(49), 3, 16, 3, 2, "VALID")
    x = g.pool("MaxPool", "pool", g.conv("conv_1", x, 16, 16, 3, 1, "SAME"), 3, 2, "VALID")
    g.constant("mixed/join/concat_dim", np.int32(3))
    pooled = g.conv("mixed/tower_1/conv", g.pool("AvgPool", "mixed/tower_1/pool", x, 3, 1, "SAME"), 16, 16, 1, 1, "SAME")
    parts = [g.conv("mixed/conv", x, 16, 16, 1, 1, "SAME"), g.conv("mixed/tower/conv", x, 16, 24, 5, 1, "SAME"), pooled]
    g.node("Concat", "mixed", "mixed/join/concat_dim", *parts, T=1, N=3)
    g.pool("AvgPool", "pool_3", "mixed", 11, 1, "VALID")
    g.constant("pool_3/_reshape/shape", np.array([1, 56], np.int32))
    g.node("Reshape", "pool_3/_reshape", "pool_3", "pool_3/_reshape/shape", T=1, Tshape=3)
    weights = g.constant("softmax/weights", g.random.standard_normal((56, 7)).astype(np.float32))
    g.node("MatMul", "softmax/logits/MatMul", "pool_3/_reshape", weights, T=1, transpose_a=False, transpose_b=False)
    g.node("BiasAdd", "softmax/logits", "softmax/logits/MatMul", g.constant("softmax/biases", g.random.standard_normal(7).astype(np.float32)), T=1)
    g.node("Softmax", "softmax", "softmax/logits", T=1)
    return g.graph


def test_photos_through_a_graph_of_2015_equal_tensorflow(tmp_path, topwork):
    graph_def = graph_of_2015()
    model, photos, out = tmp_path / "classify_image_graph_def.pb", tmp_path / "photos", tmp_path / "out"
    model.write_bytes(graph_def.SerializeToString())
    photos.mkdir()
    random = np.random.default_rng(3)
    for i, (width, height) in enumerate([(120, 80), (49, 49), (33, 200), (300, 211)]):
        small = Image.fromarray(random.integers(0, 256, (6, 5, 3), np.uint8))
        image = small.resize((width, height), Image.BICUBIC)
        (image.convert("L") if i == 2 else image).save(photos / f"{i}.jpg", quality=80 + i)
    done = topwork("embed", photos, "--backbone", model, "-o", out)
    assert "guess" not in done.stderr  # the file says how a photo is prepared, and where its embedding is
    with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
        tf.import_graph_def(graph_def, name="")
        expected = {f"{i}.jpg": session.run("pool_3:0", {"DecodeJpeg/contents:0": (photos / f"{i}.jpg").read_bytes()}).ravel() for i in range(4)}
    seen = {}
    for path in out.glob("*.tfrecord.gz"):
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            seen[os.path.basename(feature["image_uri"].bytes_list.value[0].decode())] = np.array(feature["embedding"].float_list.value)
    assert sorted(seen) == sorted(expected)
    for name, right in expected.items():
        assert seen[name].shape == (56,)
        assert difference(seen[name], right) <= TOLERANCE, name
