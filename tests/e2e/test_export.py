"""`export`: what it writes, what it refuses, and that nothing is written then."""
import json

import pytest

import made


@pytest.fixture
def run(topwork, tmp_path):
    topwork("train", made.photos(tmp_path / "photos", 6), "-o", tmp_path / "run", "-q")
    return tmp_path / "run"


def test_savedmodel_is_one_file_with_what_tensorflow_looks_for_beside_it(topwork, sanitized, run, tmp_path):
    topwork("export", run, "-o", tmp_path / "a")
    assert sorted(path.relative_to(tmp_path / "a").as_posix() for path in (tmp_path / "a").rglob("*")) == [
        "assets.extra", "assets.extra/topwork.json", "saved_model.pb", "variables"]
    kept = json.loads((tmp_path / "a" / "assets.extra" / "topwork.json").read_text())
    assert json.loads(kept["topwork.labels"]) == ["blue", "red"] and json.loads(kept["topwork.policy"])["resize"] == "pillow_bilinear"
    done = sanitized("export", run, "--format", "savedmodel", "-o", tmp_path / "b", "--json")
    assert json.loads(done.stdout) == {"output": str(tmp_path / "b"), "format": "savedmodel"}
    assert (tmp_path / "a" / "saved_model.pb").read_bytes() == (tmp_path / "b" / "saved_model.pb").read_bytes()


def test_what_is_there_stays_unless_forced(topwork, run, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    refused = topwork("export", run, "-o", tmp_path / "full", code=4)
    assert "--force" in refused.stderr and [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]
    topwork("export", run, "-o", tmp_path / "full", "--force")
    assert (tmp_path / "full" / "mine").exists() and (tmp_path / "full" / "saved_model.pb").exists()
    (tmp_path / "file.onnx").write_text("mine")
    topwork("export", run, "--format", "onnx", "-o", tmp_path / "file.onnx", code=4)
    assert (tmp_path / "file.onnx").read_text() == "mine"
    refused = topwork("export", run, "-o", tmp_path / "file.onnx", "--force", code=4)
    assert "no folder" in refused.stderr


def test_an_empty_folder_is_filled(topwork, run, tmp_path):
    (tmp_path / "empty").mkdir()
    topwork("export", run, "-o", tmp_path / "empty")
    assert (tmp_path / "empty" / "saved_model.pb").exists()


@pytest.mark.parametrize("arguments, words", [((), "-o PATH"), (("--format", "tflite", "-o", "x"), "--format"),
                                              (("--image-decoder", "-o", "x"), "--format onnx"), (("another", "-o", "x"), "topwork export MODEL")])
def test_wrong_usage_is_one_sentence(topwork, run, tmp_path, arguments, words):
    done = topwork("export", run, *arguments, code=2, cwd=tmp_path)
    assert words in done.stderr and done.stderr.count("\n") == 1 and not (tmp_path / "x").exists()


def test_onnx_is_the_model_itself(topwork, sanitized, run, tmp_path):
    sanitized("export", run, "--format", "onnx", "-o", tmp_path / "a.onnx")
    photo = next((run.parent / "photos" / "red").iterdir())
    ours, theirs = (json.loads(topwork("predict", model, photo, "--json").stdout) for model in (run, tmp_path / "a.onnx"))
    assert ours == theirs


def test_a_decoder_in_onnx_is_refused_until_its_difference_is_accepted(topwork, sanitized, run, tmp_path):
    refused = topwork("export", run, "--format", "onnx", "--image-decoder", "-o", tmp_path / "a.onnx", code=4)
    assert "--accept-difference" in refused.stderr and not (tmp_path / "a.onnx").exists()
    sanitized("export", run, "--format", "onnx", "--image-decoder", "--accept-difference", "-o", tmp_path / "a.onnx")
    assert b"ImageDecoder" in (tmp_path / "a.onnx").read_bytes()


def test_a_head_alone_asks_for_its_network(topwork, tmp_path):
    rows = made.clusters(60)
    records = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in rows])
    topwork("train", records, "-o", tmp_path / "run", "--steps", 20, "-q")
    refused = topwork("export", tmp_path / "run", "-o", tmp_path / "out", code=2)
    assert "--backbone" in refused.stderr and not (tmp_path / "out").exists()


def test_what_is_no_model_is_refused(sanitized, tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"\x08\x07nothing")
    sanitized("export", tmp_path / "x.onnx", "-o", tmp_path / "out", code=4)
    sanitized("export", tmp_path / "none", "-o", tmp_path / "out", code=4)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def exported(topwork, run, tmp_path):
    topwork("export", run, "-o", tmp_path / "models" / "cars" / "1", "-q")
    return tmp_path / "models" / "cars" / "1"


def scores(done):
    return {row["key"]: row["scores"] for row in map(json.loads, done.stdout.splitlines())}


def test_a_savedmodel_of_ours_is_a_model_again(topwork, sanitized, run, exported, tmp_path):
    photos = run.parent / "photos"
    ours = scores(topwork("predict", run, photos, "--json"))
    for program, model in ((topwork, exported), (topwork, exported / "saved_model.pb"), (sanitized, exported)):
        theirs = scores(program("predict", model, photos, "--json"))
        assert theirs.keys() == ours.keys()
        assert max(abs(theirs[key][label] - ours[key][label]) for key in ours for label in ours[key]) < 1e-5
    topwork("export", exported, "--format", "onnx", "-o", tmp_path / "again.onnx")
    assert scores(topwork("predict", tmp_path / "again.onnx", photos, "--json")) == theirs
    done = json.loads(topwork("verify", exported, photos, "--python", "/none", "--json").stdout)
    assert done["agrees"] and all(way["greatest_difference"] == 0 for way in done["ways"] if way["way"].startswith("server"))


def test_tensorflow_servings_folders_are_served_as_they_are(topwork, run, exported, tmp_path):
    import subprocess
    import urllib.request
    topwork("export", run, "-o", exported.parent / "2", "-q")
    topwork("models", "create", tmp_path / "other", "cars")
    refused = topwork("models", "add-version", tmp_path / "other", "cars", exported, code=2)
    assert "is a SavedModel" in refused.stderr and "--format onnx" in refused.stderr
    listed = topwork("models", "describe", tmp_path / "models", "cars").stdout
    assert listed.count("TensorFlow Serving's") == 2
    served = topwork.start("serve", tmp_path / "models", "--listen", "127.0.0.1:0", "--json", stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(served.stdout.readline())["url"]
        photo = next((run.parent / "photos" / "red").iterdir())
        ours = json.loads(topwork("predict", run, photo, "--json").stdout)
        for address in ("predict/cars", "predict/cars/2"):
            theirs = json.loads(urllib.request.urlopen(urllib.request.Request(url + address + "?top=9", photo.read_bytes())).read())
            assert theirs["prediction"] == ours["prediction"] and theirs["version"] == int(address[-1]) if address[-1] == "2" else 1
            assert max(abs(theirs["scores"][label] - ours["scores"][label]) for label in ours["scores"]) < 1e-5
    finally:
        served.terminate()
        served.wait(30)
        served.stdout.close()


def test_a_damaged_savedmodel_is_refused(sanitized, run, exported, tmp_path):
    data = (exported / "saved_model.pb").read_bytes()
    photo = next((run.parent / "photos" / "red").iterdir())
    head = data.index(b"topwork.policy")
    bad = tmp_path / "bad" / "saved_model.pb"
    bad.parent.mkdir()
    for at in [0, 1, 5, 50, 200, head - 30, head, head + 5, head + 40, *range(1000, 40000, 2400), len(data) // 2, len(data) - 300, len(data) - 1]:
        bad.write_bytes(data[:at])
        done = sanitized("predict", bad.parent, photo, code=None)
        assert done.returncode == 4 and done.stderr.startswith("topwork: "), at
        bad.write_bytes(data[:at] + bytes([data[at] ^ 0x5A]) + data[at + 1:])
        assert sanitized("predict", bad.parent, photo, code=None).returncode in (0, 4), at


def test_a_savedmodel_without_our_labels_is_no_model(sanitized, exported, run):
    data = (exported / "saved_model.pb").read_bytes()
    (exported / "saved_model.pb").write_bytes(data.replace(b"topwork/properties", b"topwork/propertyes"))
    refused = sanitized("predict", exported, next((run.parent / "photos" / "red").iterdir()), code=4)
    assert refused.stderr.count("\n") == 1
