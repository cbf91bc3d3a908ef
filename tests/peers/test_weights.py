"""Weights without a graph, for the Inception v3 that topwork has: TensorFlow checkpoints, safetensors, Keras's HDF5."""
import json
import os
import struct

import h5py
import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402  (the level must be set before)

from converted import Converted, difference  # noqa: E402
from inception import features, random_weights, slim_name, torch_name, units, weight_of  # noqa: E402

v1 = tf.compat.v1
# Of float32 through 94 layers, summed in another order.
TOLERANCE = 2e-5
CLASSES = 11


@pytest.fixture(scope="module")
def weights():
    return random_weights(1, CLASSES)


@pytest.fixture(scope="module")
def batch():
    return np.random.default_rng(2).uniform(-1, 1, (1, 299, 299, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def wanted(weights, batch):
    return features(batch, weight_of(weights)).numpy()


def save(weights, folder):
    """Checkpoints of both versions, with a tensor that is no weight: v1.ckpt, v2.ckpt.index and its data."""
    with tf.Graph().as_default(), v1.Session() as session:
        feeds, assignments = {}, [v1.get_variable("global_step", (), tf.int64, initializer=v1.zeros_initializer()).initializer]
        for name, value in weights.items():
            feed = v1.placeholder(tf.float32, value.shape)
            assignments.append(v1.assign(v1.get_variable(name, value.shape, use_resource=False), feed))
            feeds[feed] = value
        session.run(assignments, feeds)
        for version, name in ((v1.train.SaverDef.V1, "v1.ckpt"), (v1.train.SaverDef.V2, "v2.ckpt")):
            v1.train.Saver(write_version=version).save(session, str(folder / name), write_meta_graph=False)


@pytest.fixture(scope="module")
def checkpoints(weights, tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoints")
    save(weights, folder)
    return folder


@pytest.mark.parametrize("name", ["v1.ckpt", "v2.ckpt", "v2.ckpt.index"])
def test_slims_checkpoints_of_both_versions_give_tensorflows_features_and_scores(topwork, weights, checkpoints, batch, wanted, tmp_path, name):
    ours = Converted(topwork, checkpoints / name, tmp_path)
    prelogits, logits, scores = ours(batch)
    assert ours.properties["topwork.embedding"] == "PreLogits" and ours.policy["width"] == 299
    assert difference(prelogits, wanted) < TOLERANCE
    theirs = wanted @ weights["InceptionV3/Logits/Conv2d_1c_1x1/weights"][0, 0] + weights["InceptionV3/Logits/Conv2d_1c_1x1/biases"]
    assert difference(logits, theirs) < 10 * TOLERANCE
    assert difference(scores, tf.nn.softmax(theirs)) < 10 * TOLERANCE


def torch_tensors(weights, gamma):
    """The same numbers as timm's and torchvision's files have them, and a scale."""
    tensors = {}
    for block, unit in units():
        slim, torch = slim_name(block, unit), torch_name(block, unit)
        tensors[f"{torch}.conv.weight"] = weights[f"{slim}/weights"].transpose(3, 2, 0, 1)
        tensors[f"{torch}.bn.weight"] = np.full(unit[2], gamma, np.float32)
        for ours, theirs in (("beta", "bias"), ("moving_mean", "running_mean"), ("moving_variance", "running_var")):
            tensors[f"{torch}.bn.{theirs}"] = weights[f"{slim}/BatchNorm/{ours}"]
    tensors["fc.weight"] = weights["InceptionV3/Logits/Conv2d_1c_1x1/weights"][0, 0].T
    tensors["fc.bias"] = weights["InceptionV3/Logits/Conv2d_1c_1x1/biases"]
    return {name: np.ascontiguousarray(value) for name, value in tensors.items()}


def safetensors(tensors):
    header, data = {"__metadata__": {"format": "pt"}}, b""
    parts = []
    at = 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
        parts.append(value.tobytes())
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data.join(parts)


def scaled(weights, gamma):
    plain = weight_of(weights)
    return lambda block, unit: [w if w is not None else gamma for w in plain(block, unit)]


def test_safetensors_by_torchvisions_names_give_the_features_of_its_padding(topwork, weights, batch, tmp_path):
    gamma = np.float32(1.1)
    (tmp_path / "model.safetensors").write_bytes(safetensors(torch_tensors(weights, gamma)))
    prelogits, logits, _ = Converted(topwork, tmp_path / "model.safetensors", tmp_path)(batch)
    theirs = features(batch, scaled(weights, gamma), torch_padding=True).numpy()
    assert difference(prelogits, theirs) < TOLERANCE and logits.shape == (1, CLASSES)


@pytest.mark.full
def test_what_the_safetensors_package_writes_is_what_we_write_here(topwork, weights, tmp_path):
    package = pytest.importorskip("safetensors.numpy")
    tensors = torch_tensors(weights, 1)
    package.save_file(tensors, tmp_path / "theirs.safetensors")
    (tmp_path / "ours.safetensors").write_bytes(safetensors(tensors))
    made = []
    for name in ("theirs", "ours"):
        topwork("backbone", "convert", tmp_path / f"{name}.safetensors", "-o", tmp_path / f"{name}.onnx")
        made.append((tmp_path / f"{name}.onnx").read_bytes())
    assert made[0] == made[1]


def number(layer):
    """Keras counts the layers of a kind as it makes them, in the order of the network."""
    last = layer.name.rsplit("_", 1)[-1]
    return int(last) if last.isdigit() else -1


@pytest.fixture(scope="module")
def keras_model(weights):
    """Keras's own Inception v3 with these weights."""
    layers = tf.keras.layers
    model = tf.keras.applications.InceptionV3(weights=None, classes=CLASSES)
    kinds = [sorted((l for l in model.layers if isinstance(l, kind)), key=number) for kind in (layers.Conv2D, layers.BatchNormalization)]
    assert [len(kind) for kind in kinds] == [94, 94]
    for (block, unit), conv, norm in zip(units(), *kinds):
        kernel, _, beta, mean, variance = weight_of(weights)(block, unit)
        conv.set_weights([kernel])
        norm.set_weights([beta, mean, variance])
    model.get_layer("predictions").set_weights([weights["InceptionV3/Logits/Conv2d_1c_1x1/weights"][0, 0], weights["InceptionV3/Logits/Conv2d_1c_1x1/biases"]])
    return model


def write_official(model, path):
    """As the files for download are: layers by name at the root, "kernel:0"."""
    with h5py.File(path, "w") as file:
        for layer in model.layers:
            group = file.create_group(layer.name).create_group(layer.name)
            for variable in layer.weights:
                group.create_dataset(f"{variable.name}:0", data=variable.numpy())


@pytest.mark.parametrize("name", ["model.h5", "model.weights.h5", "official.h5"])
def test_keras_files_of_each_kind_give_keras_own_scores(topwork, keras_model, batch, wanted, tmp_path, name):
    path = tmp_path / name
    if name == "official.h5":
        write_official(keras_model, path)
    elif name == "model.h5":
        keras_model.save(path)
    else:
        keras_model.save_weights(path)
    prelogits, _, scores = Converted(topwork, path, tmp_path)(batch)
    assert difference(prelogits, wanted) < TOLERANCE
    assert difference(scores, keras_model(batch, training=False)) < 10 * TOLERANCE


def test_keras_files_without_a_classifier_give_features_alone(topwork, keras_model, batch, wanted, tmp_path):
    write_official(tf.keras.Model(keras_model.input, keras_model.get_layer("mixed10").output), tmp_path / "notop.h5")
    (prelogits,) = Converted(topwork, tmp_path / "notop.h5", tmp_path)(batch)
    assert difference(prelogits, wanted) < TOLERANCE


def test_keras_files_of_other_networks_and_damaged_ones_are_one_sentence(sanitized, tmp_path):
    layers = tf.keras.layers
    other = tf.keras.Sequential([layers.Input((8, 8, 3)), *(layers.Conv2D(4, 3, padding="same") for _ in range(40)), layers.Flatten(), layers.Dense(3)])
    path = tmp_path / "other.h5"
    other.save(path)
    refused(sanitized, path, "has 40 convolutions, 0 batch norms and 1 dense layers")
    whole = path.read_bytes()
    for share in (0.001, 0.1, 0.5, 0.9):
        path.write_bytes(whole[:int(len(whole) * share)])
        refused(sanitized, path, "other.h5")
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("a", data=np.zeros(3))
    refused(sanitized, path, "superblock is of version")


def refused(sanitized, path, words):
    done = sanitized("backbone", "info", path, code=4)
    assert len(done.stderr.strip().splitlines()) == 1 and words in done.stderr, done.stderr


def test_weights_of_another_network_are_named(sanitized, tmp_path):
    (tmp_path / "other.safetensors").write_bytes(safetensors({"encoder.weight": np.zeros((2, 3), np.float32)}))
    refused(sanitized, tmp_path / "other.safetensors", "'encoder.weight'")
    save({"encoder/weights": np.zeros((2, 3), np.float32)}, tmp_path)
    refused(sanitized, tmp_path / "v1.ckpt", "'encoder/weights'")
    refused(sanitized, tmp_path / "v2.ckpt", "'encoder/weights'")


def test_a_missing_or_misshapen_tensor_is_named(sanitized, weights, tmp_path):
    tensors = torch_tensors(weights, 1)
    del tensors["Mixed_6c.branch7x7_2.bn.running_var"]
    (tmp_path / "a.safetensors").write_bytes(safetensors(tensors))
    refused(sanitized, tmp_path / "a.safetensors", "'Mixed_6c.branch7x7_2.bn.running_var' of Inception v3 is missing")
    tensors = torch_tensors(weights, 1)
    tensors["Conv2d_2a_3x3.conv.weight"] = np.zeros((32, 32, 3, 5), np.float32)
    (tmp_path / "a.safetensors").write_bytes(safetensors(tensors))
    refused(sanitized, tmp_path / "a.safetensors", "is a filter of 3 x 5, not of 3 x 3")


@pytest.mark.parametrize("name", ["v1.ckpt", "v2.ckpt.index"])
def test_damaged_checkpoints_are_one_sentence(sanitized, tmp_path, name):
    save({f"layer_{i}/weights": np.arange(600, dtype=np.float32).reshape(20, 30) for i in range(40)}, tmp_path)
    path = tmp_path / name
    whole = path.read_bytes()
    for size in (10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        refused(sanitized, path, name)
    for at in (len(whole) // 3, len(whole) // 2):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1:])
        refused(sanitized, path, "checksum")
