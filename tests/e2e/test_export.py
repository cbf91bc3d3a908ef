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
