"""SavedModels that TensorFlow and Keras write, with variables and without, beside TensorFlow's own answers."""
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402  (the level must be set before)

from converted import Converted, difference, embeddings  # noqa: E402

v1, layers = tf.compat.v1, tf.keras.layers


def pictures(count=3, size=32):
    return np.random.default_rng(5).uniform(-1, 1, (count, size, size, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(3)
    x = inputs = layers.Input((32, 32, 3))
    x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, strides=2, use_bias=False)(x)))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    made, random = tf.keras.Model(inputs, layers.Dense(5, activation="softmax")(x)), np.random.default_rng(4)
    for layer in made.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return made


@pytest.mark.parametrize("way", ["export", "save"])
def test_keras_models_with_variables_give_their_own_answers(topwork, model, tmp_path, way):
    if way == "export":
        model.export(str(tmp_path / "model"), verbose=False)
    else:
        tf.saved_model.save(model, str(tmp_path / "model"))
    assert (tmp_path / "model" / "variables" / "variables.index").exists()
    assert difference(Converted(topwork, tmp_path / "model", tmp_path)(pictures())[0], model(pictures(), training=False)) < 1e-6


class Nested(tf.Module):
    """Functions that call functions, one of them twice."""

    def __init__(self):
        random = np.random.default_rng(6)
        self.filter = tf.Variable(random.standard_normal((3, 3, 3, 4)).astype(np.float32))
        self.scale = tf.Variable(1.5)

    @tf.function
    def scaled(self, x):
        return tf.nn.relu(x) * self.scale

    @tf.function(input_signature=[tf.TensorSpec((None, 32, 32, 3), name="photos")])
    def __call__(self, x):
        x = self.scaled(tf.nn.conv2d(x, self.filter, 2, "SAME"))
        return {"features": tf.reduce_mean(self.scaled(x - 0.5), [1, 2])}


def test_functions_that_call_functions_are_followed(topwork, tmp_path):
    module = Nested()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.__call__)
    assert difference(Converted(topwork, tmp_path / "model", tmp_path)(pictures())[0], module(pictures())["features"]) < 1e-6


def graph_of_2017(use_resource):
    """A graph with variables as TensorFlow 1 has them; its input and its output."""
    v1.set_random_seed(7)
    x = v1.placeholder(tf.float32, (None, 32, 32, 3), "photos")
    weights = v1.get_variable("conv/weights", (3, 3, 3, 6), use_resource=use_resource, initializer=v1.glorot_uniform_initializer(seed=1))
    bias = v1.get_variable("conv/biases", (6,), use_resource=use_resource, initializer=v1.random_normal_initializer(seed=2))
    y = tf.nn.relu6(tf.nn.bias_add(tf.nn.conv2d(x, weights, 2, "SAME"), bias))
    return x, tf.reduce_mean(y, [1, 2], name="pool_3")


@pytest.mark.parametrize("use_resource", [False, True])
def test_models_of_tensorflow_1_with_variables_give_their_own_answers(topwork, tmp_path, use_resource):
    with tf.Graph().as_default(), v1.Session() as session:
        x, y = graph_of_2017(use_resource)
        session.run(v1.global_variables_initializer())
        wanted = session.run(y, {x: pictures()})
        v1.saved_model.simple_save(session, str(tmp_path / "model"), {"photos": x}, {"features": y})
    ours = Converted(topwork, tmp_path / "model", tmp_path)
    assert ours.properties["topwork.embedding"] == "pool_3"
    assert difference(ours(pictures())[0], wanted) < 1e-6


def test_constants_in_the_graph_need_no_variables(topwork, tmp_path):
    with tf.Graph().as_default(), v1.Session() as session:
        x, y = graph_of_2017(False)
        session.run(v1.global_variables_initializer())
        wanted = session.run(y, {x: pictures()})
        frozen = v1.graph_util.convert_variables_to_constants(session, session.graph_def, ["pool_3"])
    with tf.Graph().as_default(), v1.Session() as session:
        x, y = tf.import_graph_def(frozen, return_elements=["photos:0", "pool_3:0"], name="")
        v1.saved_model.simple_save(session, str(tmp_path / "model"), {"photos": x}, {"features": y})
    shutil.rmtree(tmp_path / "model" / "variables", ignore_errors=True)
    assert difference(Converted(topwork, tmp_path / "model", tmp_path)(pictures())[0], wanted) < 1e-6


def test_photos_are_embedded_by_a_savedmodel_as_by_tensorflow(topwork, model, tmp_path):
    """By our own engine, from a picture of the network's own size."""
    picture = np.random.default_rng(9).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "photo.png")
    (tmp_path / "photos.csv").write_text("photo.png\n")
    model.export(str(tmp_path / "model"), verbose=False)
    topwork("embed", tmp_path / "photos.csv", "-o", tmp_path / "records", "--backbone", tmp_path / "model")
    (found,) = embeddings(tmp_path / "records").values()
    features = tf.keras.Model(model.input, model.layers[-2].output)
    assert difference(found, features((picture[None].astype(np.float32) - 128) / 128, training=False)) < 1e-5


def test_other_variables_are_another_backbone(topwork, model, tmp_path):
    """The digest, which caches and models keep, is of all the files."""
    model.export(str(tmp_path / "model"), verbose=False)
    before = json.loads(topwork("backbone", "info", tmp_path / "model", "--json").stdout)
    weights = model.get_weights()
    model.set_weights([w * 2 for w in weights])
    model.export(str(tmp_path / "other"), verbose=False)
    model.set_weights(weights)
    shutil.copy(tmp_path / "model" / "saved_model.pb", tmp_path / "other")
    (tmp_path / "model").rename(tmp_path / "first")
    (tmp_path / "other").rename(tmp_path / "model")
    after = json.loads(topwork("backbone", "info", tmp_path / "model", "--json").stdout)
    assert before["sha256"] != after["sha256"] and before["layer"] == after["layer"]


def refused(sanitized, path, words):
    done = sanitized("backbone", "info", path, code=4)
    assert len(done.stderr.strip().splitlines()) == 1 and words in done.stderr, done.stderr


def test_damaged_variables_are_one_sentence(sanitized, model, tmp_path):
    model.export(str(tmp_path / "model"), verbose=False)
    variables = tmp_path / "model" / "variables"
    data = variables / "variables.data-00000-of-00001"
    whole, index = data.read_bytes(), (variables / "variables.index").read_bytes()
    kernel = next(w for w in model.weights if w.shape == (3, 3, 3, 8)).numpy().tobytes()
    assert kernel in whole
    data.write_bytes(whole.replace(kernel, bytes([kernel[0] ^ 1]) + kernel[1:]))
    refused(sanitized, tmp_path / "model", "checksum")
    data.write_bytes(whole[:len(whole) // 2])
    refused(sanitized, tmp_path / "model", "shard")
    data.unlink()
    refused(sanitized, tmp_path / "model", "variables.data-00000-of-00001")
    data.write_bytes(whole)
    (variables / "variables.index").write_bytes(index[:-20])
    refused(sanitized, tmp_path / "model", "footer")
    (variables / "variables.index").write_bytes(index[:100] + b"!" + index[101:])
    refused(sanitized, tmp_path / "model", "checksum")
    shutil.rmtree(variables)
    refused(sanitized, tmp_path / "model", "variables.index")


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.95])
def test_a_cut_graph_is_one_sentence(sanitized, model, tmp_path, share):
    model.export(str(tmp_path / "model"), verbose=False)
    path = tmp_path / "model" / "saved_model.pb"
    whole = path.read_bytes()
    path.write_bytes(whole[:int(len(whole) * share)])
    refused(sanitized, tmp_path / "model", "saved_model.pb")
