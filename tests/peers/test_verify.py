"""`verify` through ONNX Runtime and TensorFlow, and each classic skew between training and serving, planted and found."""
import csv
import json
import pathlib
import sys

import numpy as np
import onnx
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import made
from turned import jpeg, scene, tiff

POLICY = json.dumps({"width": 112, "height": 112, "mean": [128] * 3, "scale": [0.015625] * 3, "resize": "tf1_bilinear"})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Photos of two kinds, half of them lying on their side by EXIF; the scores are soft, so that small differences show."""
    import os

    import conftest
    folder = tmp_path_factory.mktemp("verify")
    topwork = conftest.Topwork(os.environ.get("TOPWORK", conftest.ROOT / "build" / "topwork"), folder / "cache")
    for number in range(16):
        path = folder / "photos" / ("even", "odd")[number % 2] / f"{number:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg(scene((260, 170), number), tiff(6) if number % 4 < 2 else None))
    topwork("train", folder / "photos", "-o", folder / "run", "--backbone", "sprout", "--policy", POLICY, "--recipe", "workshop", "--steps", 12, "-q")
    return topwork, folder


def verify(trained, code, *options, model=None):
    topwork, folder = trained
    done = topwork("verify", model or folder / "run", folder / "photos", "--json", "--python", sys.executable, *options, code=code)
    return {way["way"].split(" 2.")[0].split(" 1.")[0]: way for way in json.loads(done.stdout)["ways"]}


def test_all_ways_agree(trained):
    found = verify(trained, 0)
    assert len(found) == 9 and all(way["photos"] == 16 and way["other_labels"] == 0 for way in found.values())
    assert found["training embeddings"]["greatest_difference"] == 0
    assert 0 < found["TensorFlow"]["greatest_difference"] < 1e-4 and 0 < found["ONNX Runtime"]["greatest_difference"] < 1e-4


def changed(trained, tmp_path, change):
    """The run beside which its examples lie, with another model file."""
    import shutil
    shutil.copytree(trained[1] / "run", tmp_path / "run")
    model = onnx.load(tmp_path / "run" / "model.onnx")
    change(model)
    onnx.save(model, tmp_path / "run" / "model.onnx")
    return tmp_path / "run"


def policy_with(**changes):
    def change(model):
        for entry in model.metadata_props:
            if entry.key == "topwork.policy":
                policy = json.loads(entry.value)
                decode = changes.pop("decode", {})
                policy.update(changes)
                policy["decode"].update(decode)
                entry.value = json.dumps(policy)
    return change


def another_backbone(model):
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data) if len(tensor.dims) == 4 else 0)
    weights.raw_data = (np.frombuffer(weights.raw_data, np.float32) * np.float32(1.05)).tobytes()


@pytest.mark.parametrize("change", [policy_with(resize="tf2_bilinear"), policy_with(channels="bgr"), policy_with(decode={"exif": "ignore"}), another_backbone],
                         ids=["other resize", "other channel order", "missing EXIF turn", "another backbone"])
def test_a_model_that_is_not_as_it_was_trained_is_found(trained, tmp_path, change):
    found = verify(trained, 1, model=changed(trained, tmp_path, change))
    assert found["training embeddings"]["greatest_difference"] > 1e-4
    assert found["server, plain"]["greatest_difference"] == 0 and found["TensorFlow"]["greatest_difference"] < 1e-4


def test_an_export_without_the_exif_turn_is_found(trained, tmp_path):
    topwork, folder = trained
    topwork("export", folder / "run", "-o", tmp_path / "saved", "--ignore-exif")
    found = verify(trained, 1, "--savedmodel", tmp_path / "saved")
    assert found["TensorFlow"]["greatest_difference"] > 1e-4 and int(pathlib.Path(found["TensorFlow"]["greatest_at"]).stem) % 4 < 2
    assert found["ONNX Runtime"]["greatest_difference"] < 1e-4 and found["training embeddings"]["greatest_difference"] == 0


def test_exports_of_another_run_are_found(trained, tmp_path):
    """Its labels stand in another order: even is odd there."""
    topwork, folder = trained
    (tmp_path / "dict.txt").write_text("odd\neven\n")
    topwork("train", folder / "photos", "-o", tmp_path / "run", "--labels", tmp_path / "dict.txt", "--backbone", "sprout", "--policy", POLICY, "--recipe", "workshop", "--steps", 12, "-q")
    topwork("export", tmp_path / "run", "-o", tmp_path / "saved")
    found = verify(trained, 1, "--savedmodel", tmp_path / "saved", "--onnx", tmp_path / "run" / "model.onnx")
    for name in ("TensorFlow", "ONNX Runtime"):
        assert found[name]["greatest_difference"] > 0.01 and found[name]["other_labels"] >= 8


def test_an_export_with_other_labels_or_none_has_failed(trained, tmp_path):
    topwork, folder = trained
    topwork("train", made.photos(tmp_path / "photos", 4, ("blue", "red", "green")), "-o", tmp_path / "run", "-q")
    topwork("export", tmp_path / "run", "-o", tmp_path / "saved")
    found = verify(trained, 1, "--savedmodel", tmp_path / "saved", "--onnx", tmp_path / "none.onnx")
    assert "more scores than the model has labels" in found["TensorFlow"]["failed"] and "failed" in found["ONNX Runtime"]


def evaluate_agrees(topwork, run, photos, count, scratch):
    """What `evaluate` counts is what `predict` answers, photo by photo."""
    topwork("evaluate", run, photos, "--predictions", scratch / "p.csv", timeout=1800)
    with open(scratch / "p.csv") as file:
        rows = {row["key"]: row for row in csv.DictReader(file)}
    answers = [json.loads(line) for line in topwork("predict", run, photos, "--json", timeout=1800).stdout.splitlines()]
    assert len(rows) == len(answers) == count
    for answer in answers:
        row = rows[answer["key"]]
        assert row["prediction"] == answer["prediction"] and abs(float(row["score"]) - answer["score"]) < 1e-5


def test_evaluate_counts_what_the_ways_answer(trained, tmp_path):
    evaluate_agrees(trained[0], trained[1] / "run", trained[1] / "photos", 16, tmp_path)


@pytest.mark.full
def test_every_way_agrees_on_the_600_flower_photos(topwork, flowers, inception, tmp_path):
    for backbone in ("sprout", inception):
        topwork("train", flowers / "photos", "-o", tmp_path / "run", "--backbone", backbone, "--force", "-q", timeout=1800)
        done = topwork("verify", tmp_path / "run", flowers / "photos", "--json", "--python", sys.executable, timeout=3600)
        found = json.loads(done.stdout)
        assert found["agrees"] and found["photos"] == 600 and found["skipped"] == 0 and len(found["ways"]) == 9
        assert all(way["photos"] == 600 and way["other_labels"] == 0 and "not_checked" not in way for way in found["ways"])
        evaluate_agrees(topwork, tmp_path / "run", flowers / "photos", 600, tmp_path)
