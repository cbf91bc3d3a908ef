"""TensorFlow Lite models beside TensorFlow Lite's own interpreter."""
import json
import os
import warnings

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402  (the level must be set before)

from converted import Converted, difference, embeddings  # noqa: E402
from test_images import run as pixels  # noqa: E402

warnings.filterwarnings("ignore", message=".*Interpreter is deprecated.*")
layers = tf.keras.layers


@pytest.fixture
def quantised(shared):
    return shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"


def interpret(model, batch, tensor=None):
    """What the interpreter makes of the batch, image by image; real numbers where it is quantised."""
    interpreter = tf.lite.Interpreter(**({"model_content": model} if isinstance(model, bytes) else {"model_path": str(model)}), num_threads=1, experimental_preserve_all_tensors=tensor is not None)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]
    target = interpreter.get_output_details()[0]
    if tensor is not None:
        target = next(d for d in interpreter.get_tensor_details() if d["name"] == tensor)
    results = []
    for image in batch:
        interpreter.set_tensor(source["index"], image[None].astype(source["dtype"]))
        interpreter.invoke()
        values = interpreter.get_tensor(target["index"])[0]
        scale, zero = target["quantization"]
        results.append((values.astype(np.float32) - zero) * scale if scale else values)
    return np.array(results)


def photo_pixels(topwork, quantised, photos):
    """What the photos are to an input of u8: resized and scaled by topwork, rounded as its QuantizeLinear rounds."""
    policy = json.loads(topwork("backbone", "info", quantised, "--json", "-q").stdout)["policy"]
    real = pixels("tensor", json.dumps(policy), photos)
    return (np.rint(real / np.float32(policy["scale"][0])) + policy["mean"][0]).astype(np.uint8)


def test_quantised_mobilenet_gives_the_interpreters_bits(topwork, quantised, flowers, tmp_path):
    """From JPEG files, by our own engine, in integers."""
    photos = sorted((flowers / "photos").glob("*/*.jpg"))[::9][:64]
    assert len(photos) >= 60
    (tmp_path / "photos.csv").write_text("".join(f"{p}\n" for p in photos))
    topwork("embed", tmp_path / "photos.csv", "-o", tmp_path / "scores", "--backbone", quantised, "--layer", "MobilenetV2/Predictions/Softmax")
    found = embeddings(tmp_path / "scores")
    for photo, score in zip(photos, interpret(quantised, photo_pixels(topwork, quantised, photos))):
        assert np.array_equal(found[str(photo)], score), photo.name


def test_quantised_mobilenet_is_done_in_integers(topwork, quantised):
    steps = [line for line in topwork("backbone", "info", quantised, "--profile", "--threads", "1", "-q").stdout.splitlines() if " Conv " in line]
    assert len(steps) >= 50 and all(" int8 " in step for step in steps)


def test_quantised_mobilenets_pool_is_the_embedding(topwork, quantised, flowers, tmp_path):
    photos = sorted((flowers / "photos").glob("*/*.jpg"))[::150]
    (tmp_path / "photos.csv").write_text("".join(f"{p}\n" for p in photos))
    topwork("embed", tmp_path / "photos.csv", "-o", tmp_path / "features", "--backbone", quantised)
    found = embeddings(tmp_path / "features")
    wanted = interpret(quantised, photo_pixels(topwork, quantised, photos), "MobilenetV2/Logits/AvgPool")
    for photo, features in zip(photos, wanted):
        assert np.array_equal(found[str(photo)], features.ravel()), photo.name


def test_quantised_mobilenet_converted_gives_the_interpreters_labels_and_mostly_its_bits(topwork, quantised, flowers, tmp_path):
    """ONNX Runtime computes with integers where it finds them between DequantizeLinear and QuantizeLinear."""
    batch = photo_pixels(topwork, quantised, sorted((flowers / "photos").glob("*/*.jpg"))[::20])
    ours = Converted(topwork, quantised, tmp_path)((batch.astype(np.float32) - 128) * np.float32(0.0078125))[0]
    theirs = interpret(quantised, batch)
    assert np.array_equal(ours.argmax(1), theirs.argmax(1))
    assert np.mean((ours == theirs).all(1)) > 0.7


def network():
    """Every kind of op that a small network of pictures has, with odd sizes and strides."""
    x = inputs = layers.Input((33, 30, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.DepthwiseConv2D((3, 5), padding="same", depth_multiplier=2)(x)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    y = layers.Conv2D(16, (1, 3), padding="same", groups=4)(x)
    x = layers.Add()([x, y])
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid")(gate)
    x = layers.Multiply()([x, gate])
    x = layers.ZeroPadding2D(((1, 0), (2, 1)))(x)
    x = layers.Concatenate()([layers.MaxPooling2D(3, 2, padding="same")(x), layers.AveragePooling2D(3, 2, padding="same")(x)])
    x = layers.UpSampling2D(2, interpolation="bilinear")(x)
    x = layers.Conv2D(12, 3, strides=2, activation="tanh")(x)
    x = layers.Activation("sigmoid")(x)
    x = layers.Reshape((-1, 12))(x)
    x = layers.Flatten()(x)
    x = layers.Dense(20, activation="elu")(x)
    return tf.keras.Model(inputs, layers.Dense(7, activation="softmax")(x))


@pytest.fixture(scope="module")
def model():
    """Random weights; running means and variances that are not those of a new layer."""
    tf.keras.utils.set_random_seed(3)
    made, random = network(), np.random.default_rng(4)
    for layer in made.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([random.uniform(0.5, 1.5, w.shape) for w in layer.get_weights()])
    return made


@pytest.fixture(scope="module")
def parts():
    """Dilated convolutions, crops, splits, stacks, and a scale for each channel."""
    tf.keras.utils.set_random_seed(8)
    x = inputs = layers.Input((24, 26, 3))
    x = layers.Conv2D(8, 3, padding="same", dilation_rate=2, activation="relu")(x)
    x = layers.DepthwiseConv2D(3, dilation_rate=(3, 3), padding="same")(x)
    x = layers.Cropping2D(((1, 2), (3, 0)))(x)
    a, b = layers.Lambda(lambda t: tf.split(t, 2, axis=-1))(x)
    x = layers.Lambda(lambda t: tf.stack([t[0], t[1]], axis=1))([a, b])
    x = layers.Lambda(lambda t: t[:, 1, ::2, 1:] * tf.math.sigmoid(t[:, 0, ::2, 1:]))(x)
    x = layers.LeakyReLU(0.1)(layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_uniform")(x))
    return tf.keras.Model(inputs, layers.UnitNormalization()(layers.GlobalMaxPooling2D()(x)))


def test_parts_of_tensors_equal_the_interpreter(topwork, parts, tmp_path):
    content, batch = converter(parts).convert(), pictures(parts, 3)
    assert difference(converted(topwork, content, tmp_path)(batch)[0], interpret(content, batch)) < 1e-5


def pictures(model, count):
    return np.random.default_rng(5).uniform(-1, 1, (count, *model.input_shape[1:])).astype(np.float32)


def converter(model):
    return tf.lite.TFLiteConverter.from_keras_model(model)


def converted(topwork, content, folder):
    (folder / "m.tflite").write_bytes(content)
    return Converted(topwork, folder / "m.tflite", folder)


def test_float_model_equals_the_interpreter(topwork, model, tmp_path):
    content, batch = converter(model).convert(), pictures(model, 4)
    assert difference(converted(topwork, content, tmp_path)(batch)[0], interpret(content, batch)) < 1e-5


def test_half_float_weights_equal_the_interpreter(topwork, model, tmp_path):
    maker = converter(model)
    maker.optimizations, maker.target_spec.supported_types = [tf.lite.Optimize.DEFAULT], [tf.float16]
    content, batch = maker.convert(), pictures(model, 4)
    assert difference(converted(topwork, content, tmp_path)(batch)[0], interpret(content, batch)) < 1e-5


def integer_model(model, kind):
    maker = converter(model)
    maker.optimizations = [tf.lite.Optimize.DEFAULT]
    maker.representative_dataset = lambda: ([picture[None]] for picture in pictures(model, 16))
    maker.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    maker.inference_input_type = maker.inference_output_type = kind
    return maker.convert()


@pytest.mark.parametrize("kind", [tf.int8, tf.uint8])
def test_integer_model_with_a_scale_for_each_channel_stays_within_a_step_of_the_interpreter(topwork, model, tmp_path, kind):
    content, batch = integer_model(model, kind), np.rint(pictures(model, 8) * 127)
    integers = batch if kind == tf.int8 else batch + 128
    ours = converted(topwork, content, tmp_path)
    mean, scale = np.array(ours.policy["mean"]), np.array(ours.policy["scale"])
    found, wanted = ours((batch + 128 - mean) * scale)[0], interpret(content, integers)
    assert np.abs(found - wanted).max() <= 2 / 256 + 1e-6
    assert difference(found, wanted) < 0.02


def test_weights_alone_as_integers_are_read(topwork, model, tmp_path):
    """The interpreter then rounds what goes into each op too, which we do not: so only nearly equal."""
    maker = converter(model)
    maker.optimizations = [tf.lite.Optimize.DEFAULT]
    content, batch = maker.convert(), pictures(model, 4)
    assert difference(converted(topwork, content, tmp_path)(batch)[0], interpret(content, batch)) < 0.05


@pytest.mark.full
@pytest.mark.parametrize("name, size", [("MobileNetV3Small", 96), ("EfficientNetV2B0", 64), ("DenseNet121", 64), ("ResNet50", 64), ("NASNetMobile", 224)])
def test_keras_networks_equal_the_interpreter(topwork, tmp_path, name, size):
    tf.keras.utils.set_random_seed(6)
    content = converter(getattr(tf.keras.applications, name)(weights=None, input_shape=(size, size, 3))).convert()
    batch = np.random.default_rng(7).uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    assert difference(converted(topwork, content, tmp_path)(batch)[0], interpret(content, batch)) < 1e-4


def test_what_converts_takes_photos_without_further_options(topwork, quantised, tmp_path):
    ours = Converted(topwork, quantised, tmp_path)
    assert ours.properties["topwork.embedding"] == "MobilenetV2/Logits/AvgPool"
    info = [json.loads(topwork("backbone", "info", path, "--json", "-q").stdout) for path in (quantised, ours.path)]
    assert [i["policy"] for i in info][0] == info[1]["policy"] and info[1]["embedding_size"] == 1280
    assert topwork("backbone", "info", ours.path).stderr == ""


@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.9, 0.999])
def test_a_cut_file_is_one_sentence(sanitized, quantised, tmp_path, share):
    whole = quantised.read_bytes()
    (tmp_path / "cut.tflite").write_bytes(whole[:int(len(whole) * share)])
    done = sanitized("backbone", "info", tmp_path / "cut.tflite", code=4)
    assert len(done.stderr.strip().splitlines()) == 1 and "cut.tflite" in done.stderr
