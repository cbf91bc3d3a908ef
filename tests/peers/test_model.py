"""The model file in other hands: onnx.checker accepts it, ONNX Runtime gives topwork's scores."""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import made


def properties(path):
    return {entry.key: entry.value for entry in onnx.load(path).metadata_props}


@pytest.fixture
def run(topwork, tmp_path):
    topwork("train", made.photos(tmp_path / "photos", 8), "-o", tmp_path / "run", "--steps", 60, "-q")
    return tmp_path / "run"


def test_checker_accepts_it_and_it_holds_what_a_prediction_needs(run):
    onnx.checker.check_model(str(run / "model.onnx"), full_check=True)
    found = properties(run / "model.onnx")
    assert json.loads(found["topwork.labels"]) == ["blue", "red"] and found["topwork.version"] == "1"
    assert len(found["topwork.backbone_digest"]) == 64 and len(found["topwork.data_digest"]) == 64
    assert found["topwork.backbone"] == "sprout" and json.loads(found["topwork.policy"]) and json.loads(found["topwork.recipe"])["steps"] == 60


def test_onnx_runtime_gives_the_scores_of_photos(topwork, run, tmp_path):
    found = properties(run / "model.onnx")
    policy = json.loads(found["topwork.policy"])
    session = ort.InferenceSession(run / "model.onnx", providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert {output.name for output in session.get_outputs()} == {"embedding", "logits", "scores", "known"}
    size = policy["width"]
    for number in range(6):  # photos of the network's own size: no resizing, PNG: no decoder's choice
        path = made.photo(tmp_path / "new" / f"{number}.png", made.COLOURS[["red", "blue", "green"][number % 3]], f"new {number}", (size, policy["height"]))
        pixels = np.asarray(Image.open(path).convert("RGB"), np.float32)
        tensor = (pixels - np.float32(policy["mean"])) * np.float32(policy["scale"])
        scores, known = (part[0] for part in session.run(["scores", "known"], {entry.name: tensor.transpose(2, 0, 1)[None]}))
        answer = json.loads(topwork("predict", run, path, "--json").stdout)
        ours = [answer["scores"][label] for label in json.loads(found["topwork.labels"])]
        assert np.abs(np.float32(ours) - scores).max() < 1e-5 and abs(answer["known"] - known[0]) < 1e-5
        assert (answer["sureness"] == "I do not know this") == (answer["known"] < float(found["topwork.known_threshold"]))


def test_onnx_runtime_gives_the_scores_of_records(topwork, tmp_path):
    rows = made.clusters(90)
    train, held = (made.write_records(tmp_path / name, [made.example(*row) for row in part]) for name, part in (("a.tfrecord.gz", rows[:60]), ("b.tfrecord.gz", rows[60:])))
    topwork("train", train, "--eval", held, "-o", tmp_path / "run", "--steps", 100, "-q")
    model = tmp_path / "run" / "model.onnx"
    onnx.checker.check_model(str(model), full_check=True)
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    (entry,) = session.get_inputs()
    assert entry.name == "embedding"
    scores = session.run(["scores"], {"embedding": np.float32([values for _, values, _ in rows[60:]])})[0]
    predictions = made.rows(tmp_path / "run" / "predictions.csv")
    assert len(predictions) == 30
    for row, ours, (uri, _, _) in zip(predictions, scores, sorted(rows[60:])):
        assert row["key"] == uri and int(row["prediction"]) == ours.argmax() and abs(float(row["score"]) - ours.max()) < 1e-5
