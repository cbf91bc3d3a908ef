"""`export --format savedmodel` in TensorFlow's hands: it loads, answers as `predict` does from the same bytes, and saved_model_cli shows it."""
import json
import pathlib
import struct
import subprocess
import sys

import numpy as np
import onnx
import pytest
import tensorflow as tf
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import made
import networks
from converted import difference, embeddings
from turned import jpeg, odd_webp, png, scene, tiff, webp

TOLERANCE = 1e-4


class Exported:
    """The SavedModel of a run, as TensorFlow 2 loads it."""

    def __init__(self, topwork, model, folder, *options):
        topwork("export", model, "--format", "savedmodel", "-o", folder, "-q", *options)
        self.folder, self.model, self.topwork = folder, model, topwork
        self.loaded = tf.saved_model.load(str(folder))

    def __call__(self, paths, signature="serving_default"):
        photos = [pathlib.Path(path).read_bytes() for path in paths]
        out = self.loaded.signatures[signature](key=tf.constant([str(path) for path in paths], tf.string), image_bytes=tf.constant(photos, tf.string))
        return {name: value.numpy() for name, value in out.items()}

    def against_ours(self, paths, *options):
        """Greatest difference of scores, and how many labels differ."""
        theirs = self(paths, "labels")
        greatest, others = 0.0, 0
        answers = self.topwork("predict", self.model, *paths, "--json", *options).stdout.splitlines()
        for row, line in enumerate(answers):
            ours = json.loads(line)
            assert ours["key"] == str(paths[row])
            names = [label.decode() for label in theirs["labels"][row]]
            greatest = max(greatest, max(abs(ours["scores"][name] - score) for name, score in zip(names, theirs["scores"][row])))
            others += ours["prediction"] != theirs["prediction"][row].decode()
        return greatest, others

    def against_embeddings(self, paths, scratch, *options):
        """Greatest difference of an embedding to that of `embed`, as a share of its length, and whose: scores can hide a lot."""
        (scratch / "list.csv").write_text("".join(f"{path}\n" for path in paths))
        self.topwork("embed", scratch / "list.csv", "-o", scratch / "records", "--force", "-q", *options)
        ours = embeddings(scratch / "records")
        theirs = self.loaded.prune("image_bytes:0", "embedding:0")(tf.constant([path.read_bytes() for path in paths])).numpy()
        assert len(ours) == len(paths)
        return max((difference(row, ours[str(path)]), path.name) for path, row in zip(paths, theirs))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A model of both built-in parts: sprout, and a head with three classes."""
    import conftest
    folder = tmp_path_factory.mktemp("export")
    import os
    topwork = conftest.Topwork(os.environ.get("TOPWORK", conftest.ROOT / "build" / "topwork"), folder / "cache")
    topwork("train", made.photos(folder / "photos", 8, ("blue", "red", "green")), "-o", folder / "run", "-q")
    return topwork, folder


@pytest.fixture(scope="module")
def exported(run):
    topwork, folder = run
    return Exported(topwork, folder / "run", folder / "savedmodel")


def test_it_gives_the_ancestors_signature_for_batches_of_any_size(exported, run):
    paths = sorted((run[1] / "photos").glob("*/*.jpg"))
    for count in (1, 7, 24):
        out = exported(paths[:count])
        assert set(out) == {"key", "prediction", "scores"} and out["prediction"].dtype == np.int64 and out["scores"].dtype == np.float32
        assert out["scores"].shape == (count, 3) and [key.decode() for key in out["key"]] == [str(path) for path in paths[:count]]
        assert (out["prediction"] == out["scores"].argmax(1)).all()
    assert exported([])["scores"].shape == (0, 3)
    greatest, others = exported.against_ours(paths)
    assert greatest < TOLERANCE and others == 0


def test_the_second_signature_names_labels_and_what_is_known(exported, run):
    path = sorted((run[1] / "photos").glob("red/*.jpg"))[0]
    out, answer = exported([path], "labels"), json.loads(run[0]("predict", run[1] / "run", path, "--json").stdout)
    assert out["prediction"][0].decode() == answer["prediction"] and abs(out["score"][0] - answer["score"]) < TOLERANCE
    assert [label.decode() for label in out["labels"][0]] == ["blue", "green", "red"]
    assert abs(out["known"][0] - answer["known"]) < TOLERANCE and bool(out["is_known"][0]) == (answer["sureness"] != "I do not know this")


@pytest.mark.parametrize("order", "<>")
def test_every_exif_orientation_is_applied(exported, tmp_path, order):
    paths = []
    for orientation in range(10):
        for kind, write in (("jpg", jpeg), ("png", png), ("webp", webp)):
            path = tmp_path / f"{orientation}.{kind}"
            path.write_bytes(write(scene(), tiff(orientation, order)))
            paths.append(path)
    assert exported.against_embeddings(paths, tmp_path) < (TOLERANCE,)
    photos = exported.loaded.prune("image_bytes:0", "topwork/photo:0")(tf.constant([path.read_bytes() for path in paths])).numpy()
    assert min(np.abs(photos[3] - photos[3 * i]).max() for i in range(2, 9)) > 0.1  # and it matters


def test_exif_that_lies_is_no_orientation(exported, tmp_path):
    good = tiff(6)
    blocks = {"empty": b"", "cut": good[:-10], "magic": good[:2] + b"\x2b\0" + good[4:], "far": good[:4] + struct.pack("<I", 1 << 31) + good[8:],
              "many": good[:8] + b"\xff\xff" + good[10:], "order": b"XX" + good[2:], "long": good[:-16] + struct.pack("<HHIHH", 0x112, 4, 1, 6, 0),
              "two": good[:-16] + struct.pack("<HHIHH", 0x112, 3, 2, 6, 0), "twice": tiff(1)[:8] + b"\x02\0" + tiff(3, before=0)[10:22] + tiff(6, before=0)[10:22] + bytes(4)}
    paths = []
    for name, block in blocks.items():
        for kind, write in (("jpg", jpeg), ("png", png), ("webp", webp), ("odd.webp", odd_webp)):
            (tmp_path / f"{name}.{kind}").write_bytes(write(scene(), block))
            paths.append(tmp_path / f"{name}.{kind}")
    assert exported.against_embeddings(paths, tmp_path) < (TOLERANCE,)


def test_photos_of_every_kind_come_out_alike(exported, tmp_path):
    image = scene()
    alpha = image.convert("RGBA")
    alpha.putalpha(Image.fromarray(np.linspace(0, 255, 90 * 60).reshape(60, 90).astype(np.uint8)))
    deep = Image.fromarray((np.asarray(image.convert("L"), np.uint16) * 257))
    kinds = {"grey.jpg": (image.convert("L"), {}), "progressive.jpg": (image, {"progressive": True}), "cmyk.jpg": (image.convert("CMYK"), {}),
             "444.jpg": (image, {"subsampling": 0}), "rgb.png": (image, {}), "rgba.png": (alpha, {}), "grey.png": (image.convert("L"), {}),
             "la.png": (alpha.convert("LA"), {}), "palette.png": (image.quantize(16), {}), "holes.png": (image.quantize(16), {"transparency": 3}), "bits.png": (image.convert("1"), {}), "deep.png": (deep, {}), "one.bmp": (image, {}),
             "one.gif": (image.quantize(32), {}), "moving.gif": (image.quantize(32), {"save_all": True, "append_images": [image.rotate(90).quantize(32)]}),
             "grey.bmp": (image.convert("L"), {}), "rgba.bmp": (alpha, {}), "lossy.webp": (image, {}), "lossless.webp": (image, {"lossless": True}), "large.jpg": (scene((1500, 1100)), {}), "thin.png": (scene((3, 300)), {}), "flat.png": (scene((400, 2)), {}),
             "dot.png": (scene((1, 1)), {}), "tall.jpg": (scene((200, 900)), {})}
    paths = []
    for name, (picture, options) in kinds.items():
        picture.save(tmp_path / name, **options)
        paths.append(tmp_path / name)
    assert exported.against_embeddings(paths, tmp_path) < (TOLERANCE,)


@pytest.mark.parametrize("bad", [b"", b"no photo at all", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\nshort"])
def test_what_is_no_photo_is_an_error(exported, tmp_path, bad):
    (tmp_path / "bad").write_bytes(bad)
    with pytest.raises(tf.errors.InvalidArgumentError):
        exported([tmp_path / "bad"])


def test_what_tensorflow_decodes_otherwise_is_refused_not_answered(exported, tmp_path):
    picture = scene()
    for name, image, options, words in (("holes.gif", picture.quantize(32), {"transparency": 3}, "transparent parts"), ("table.bmp", picture.quantize(16), {}, "colour table"),
                                        ("lossy.webp", picture.convert("RGBA").rotate(20), {}, "alpha"), ("lossless.webp", picture.convert("RGBA").rotate(20), {"lossless": True}, "alpha")):
        image.save(tmp_path / name, **options)
        with pytest.raises(tf.errors.InvalidArgumentError, match=words):
            exported([tmp_path / name])


def test_several_labels_a_photo_come_with_what_applies(run, tmp_path):
    topwork, folder = run
    warm = {"red": "red,warm", "green": "green,cold", "blue": "blue,cold"}
    paths = sorted((folder / "photos").glob("*/*.jpg"))
    (tmp_path / "table.csv").write_text("uri,label\n" + "".join(f"{path},{warm[path.parent.name]}\n" for path in paths))
    topwork("train", tmp_path / "table.csv", "-o", tmp_path / "run", "-q")
    exported = Exported(topwork, tmp_path / "run", tmp_path / "savedmodel")
    greatest, _ = exported.against_ours(paths)
    out = exported(paths, "labels")
    assert greatest < TOLERANCE and out["applies"].shape == (24, 5)
    for row, line in enumerate(topwork("predict", tmp_path / "run", *paths, "--json").stdout.splitlines()):
        assert sorted(json.loads(line)["labels"]) == sorted(name.decode() for name, applies in zip(out["labels"][row], out["applies"][row]) if applies)


POLICIES = [{"resize": resize, "fit": fit, **more} for resize, fit, more in (
    ("tf1_bilinear", "squash", {}), ("tf2_bilinear", "centre_crop", {"channels": "bgr"}), ("pillow_bicubic", "letterbox", {}),
    ("tf1_bilinear", "letterbox", {"decode": {"background": [10, 200, 30]}}), ("pillow_bilinear", "centre_crop", {"decode": {"jpeg_dct": "islow", "exif": "ignore"}}),
    ("pillow_bicubic", "squash", {"decode": {"jpeg_least": 100, "alpha": "drop"}}), ("tf2_bilinear", "squash", {"mean": [120, 110, 100], "scale": [0.02, 0.015, 0.01]}))]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: f"{policy['resize']}-{policy['fit']}")
def test_every_policy_is_kept(run, tmp_path, policy):
    topwork, folder = run
    text = json.dumps({"width": 112, "height": 112, "mean": [128] * 3, "scale": [0.015625] * 3, **policy})
    topwork("train", folder / "photos", "-o", tmp_path / "run", "--backbone", "sprout", "--policy", text, "-q")
    paths = []
    for number, size in enumerate([(90, 60), (60, 95), (640, 433), (1700, 1300), (112, 112)]):
        for kind, write in (("jpg", jpeg), ("png", png)):
            path = tmp_path / f"{number}.{kind}"
            picture = scene(size, number)
            path.write_bytes(write(picture.convert("RGBA") if kind == "png" else picture, tiff(6)))
            paths.append(path)
    exported = Exported(topwork, tmp_path / "run", tmp_path / "savedmodel")
    assert exported.against_embeddings(paths, tmp_path, "--backbone", "sprout", "--policy", text) < (TOLERANCE,)
    greatest, others = exported.against_ours(paths)
    assert greatest < TOLERANCE and others == 0


def test_ignore_exif_exports_a_graph_that_turns_nothing(run, tmp_path):
    exported = Exported(run[0], run[1] / "run", tmp_path / "savedmodel", "--ignore-exif")
    for name, block in (("turned.jpg", tiff(6)), ("upright.jpg", None)):
        (tmp_path / name).write_bytes(jpeg(scene(), block))
    assert exported.against_embeddings([tmp_path / "turned.jpg", tmp_path / "upright.jpg"], tmp_path, "--ignore-exif") < (TOLERANCE,)


def test_tensorflow_1s_loader_runs_the_same_graph(exported, run):
    paths = sorted((run[1] / "photos").glob("*/*.jpg"))[:5]
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        meta = tf.compat.v1.saved_model.loader.load(session, [tf.compat.v1.saved_model.tag_constants.SERVING], str(exported.folder))
        signature = meta.signature_def["serving_default"]
        feed = {signature.inputs["key"].name: [str(path) for path in paths], signature.inputs["image_bytes"].name: [path.read_bytes() for path in paths]}
        scores = session.run(signature.outputs["scores"].name, feed)
    assert np.abs(scores - exported(paths)["scores"]).max() < 1e-6


def test_saved_model_cli_shows_both_signatures(exported):
    tool = pathlib.Path(sys.executable).parent / "saved_model_cli"
    text = subprocess.run([tool, "show", "--all", "--dir", exported.folder], capture_output=True, text=True, check=True).stdout
    named = text.split("signature_def['")
    assert [part.split("'")[0] for part in named[1:]] == ["labels", "serving_default"] and "tag-set: 'serve'" in text
    for line in ("inputs['image_bytes']", "inputs['key']", "outputs['key']", "outputs['prediction']", "outputs['scores']", "Method name is: tensorflow/serving/predict"):
        assert line in named[2]
    assert "dtype: DT_INT64" in named[2] and "shape: (-1, 3)" in named[2] and "shape: unknown" not in named[2]


@pytest.mark.full
def test_the_600_flower_photos_are_answered_alike(topwork, flowers, inception, tmp_path):
    photos = sorted(flowers.glob("photos/*/*.jpg"))
    topwork("train", flowers / "photos", "-o", tmp_path / "run", "--backbone", inception, "-q", timeout=1800)
    exported = Exported(topwork, tmp_path / "run", tmp_path / "savedmodel")
    for start in range(0, len(photos), 100):
        greatest, others = exported.against_ours(photos[start:start + 100])
        assert greatest < TOLERANCE and others == 0


@pytest.mark.full
def test_a_network_in_integers_is_exported_where_that_is_accepted(topwork, shared, flowers, tmp_path):
    """TensorFlow Lite's MobileNet v2, whose shapes name one photo: the network runs within the loop."""
    network = shared / "models" / "mobilenet_v2_1.0_224_quant.tflite"
    topwork("train", flowers / "photos", "-o", tmp_path / "run", "--backbone", network, "-q", timeout=1800)
    refused = topwork("export", tmp_path / "run", "-o", tmp_path / "no", code=4)
    assert "integers" in refused.stderr and "--accept-difference" in refused.stderr and not (tmp_path / "no").exists()
    exported = Exported(topwork, tmp_path / "run", tmp_path / "savedmodel", "--accept-difference")
    greatest, others = exported.against_ours(sorted(flowers.glob("photos/*/*.jpg"))[::10])
    assert greatest < 0.02 and others == 0


def test_onnx_runs_in_onnx_runtime_and_its_decoder_in_onnxs_own_evaluator(run, tmp_path):
    import onnxruntime
    from onnx.reference import ReferenceEvaluator
    topwork, folder = run
    for name, options in (("plain", ()), ("decoder", ("--image-decoder", "--accept-difference"))):
        topwork("export", folder / "run", "--format", "onnx", "-o", tmp_path / f"{name}.onnx", *options)
        onnx.checker.check_model(str(tmp_path / f"{name}.onnx"), full_check=True)
    assert onnxruntime.InferenceSession(tmp_path / "plain.onnx").get_inputs()[0].shape[1:] == [3, 112, 112]
    with pytest.raises(Exception, match="ImageDecoder"):  # no kernel, as of ONNX Runtime 1.32
        onnxruntime.InferenceSession(tmp_path / "decoder.onnx")
    path = sorted((folder / "photos").glob("red/*.jpg"))[0]
    evaluator = ReferenceEvaluator(str(tmp_path / "decoder.onnx"))
    scores = dict(zip(evaluator.output_names, evaluator.run(None, {"image_bytes": np.frombuffer(path.read_bytes(), np.uint8)})))["scores"][0]
    ours = json.loads(topwork("predict", folder / "run", path, "--json").stdout)["scores"]
    assert np.abs(scores - [ours[label] for label in sorted(ours)]).max() < 0.02


@pytest.mark.full
def test_the_oldest_tensorflow_that_installs_answers_alike(exported, run, tmp_path):
    """2.12: the first that Python 3.11 has; in a folder of its own (tools/peers --oldest)."""
    import conftest
    found = subprocess.run([conftest.ROOT / "tools" / "peers", "--oldest"], capture_output=True, text=True, timeout=1200)
    if found.returncode:
        pytest.skip("the oldest TensorFlow does not install here")
    paths = sorted((run[1] / "photos").glob("*/*.jpg"))[:9]
    for orientation in range(1, 9):
        paths.append(tmp_path / f"{orientation}.jpg")
        paths[-1].write_bytes(jpeg(scene((300, 200)), tiff(orientation, ">")))
    script = """import json, sys
import tensorflow as tf
ask = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
out = ask(key=tf.constant(sys.argv[2:]), image_bytes=tf.constant([open(path, "rb").read() for path in sys.argv[2:]]))
print(json.dumps([tf.__version__, out["scores"].numpy().tolist(), ask(key=tf.constant([], tf.string), image_bytes=tf.constant([], tf.string))["scores"].shape.as_list()]))"""
    done = subprocess.run([found.stdout.strip(), "-c", script, exported.folder, *paths], capture_output=True, text=True, check=True)
    version, scores, empty = json.loads(done.stdout.splitlines()[-1])
    assert version.startswith("2.12.") and empty == [0, 3]
    assert np.abs(np.array(scores) - exported(paths)["scores"]).max() < TOLERANCE
    names = [label.decode() for label in exported(paths[:1], "labels")["labels"][0]]
    ours = [json.loads(line)["scores"] for line in run[0]("predict", run[1] / "run", *paths, "--json").stdout.splitlines()]
    assert np.abs(np.array(scores) - [[row[name] for name in names] for row in ours]).max() < TOLERANCE


@pytest.mark.full
@pytest.mark.parametrize("name", [name for name in networks.NETWORKS if name != "odds_and_ends"])
def test_networks_of_every_family_are_exported(run, tmp_path, name):
    topwork, folder = run
    model, shape = networks.build(name, 13)
    onnx.save(model, tmp_path / "net.onnx")
    text = json.dumps({"width": 32, "height": 32, "mean": [128] * 3, "scale": [0.0078] * 3, "layout": "nhwc" if shape[3] == 3 else "nchw"})
    topwork("train", folder / "photos", "-o", tmp_path / "run", "--backbone", tmp_path / "net.onnx", "--policy", text, "--recipe", "workshop", "--steps", 200, "-q")
    greatest, others = Exported(topwork, tmp_path / "run", tmp_path / "savedmodel").against_ours(sorted((folder / "photos").glob("*/*.jpg")))
    assert greatest < TOLERANCE and others == 0


def test_an_op_that_tensorflow_lacks_is_named(run, tmp_path):
    topwork, folder = run
    model, _ = networks.build("odds_and_ends", 13)
    onnx.save(model, tmp_path / "net.onnx")
    text = json.dumps({"width": 32, "height": 32, "mean": [128] * 3, "scale": [0.0078] * 3})
    topwork("train", folder / "photos", "-o", tmp_path / "run", "--backbone", tmp_path / "net.onnx", "--policy", text, "-q")
    refused = topwork("export", tmp_path / "run", "-o", tmp_path / "savedmodel", code=4)
    assert "node 'Pad1' (Pad)" in refused.stderr and not (tmp_path / "savedmodel").exists()
