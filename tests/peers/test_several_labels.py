"""Multi-label models beside ONNX Runtime and scikit-learn on the same scores."""
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPWORK = os.environ.get("TOPWORK", ROOT / "build/topwork")
sys.path.insert(0, str(ROOT / "tests/e2e"))
import made
import test_multi_label


def evaluate(tmp_path, recipe):
    """Rows, the scores and thresholds that ONNX Runtime has of the model, and what topwork says of each row and of all."""
    import onnxruntime

    rows = test_multi_label.rows_of(200)
    shard = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in rows])
    subprocess.run([TOPWORK, "train", shard, "-o", tmp_path / "run", *map(str, test_multi_label.RECIPES[recipe])], check=True)
    session = onnxruntime.InferenceSession(str(tmp_path / "run/model.onnx"))
    thresholds = np.array(json.loads(session.get_modelmeta().custom_metadata_map["topwork.thresholds"]), np.float32)
    scores = session.run(["scores"], {"embedding": np.array([row[1] for row in rows], np.float32)})[0]
    command = [TOPWORK, "evaluate", tmp_path / "run", shard, "--json", "--predictions", tmp_path / "p.csv"]
    evaluated = subprocess.run(command, check=True, capture_output=True, text=True)
    return rows, scores, thresholds, {row["key"]: row for row in made.rows(tmp_path / "p.csv")}, json.loads(evaluated.stdout)


@pytest.mark.parametrize("recipe", test_multi_label.RECIPES)
def test_onnx_runtime_gives_the_same_scores_and_labels(tmp_path, recipe):
    rows, scores, thresholds, told, _ = evaluate(tmp_path, recipe)
    for (key, _, _), score in zip(rows, scores):
        assert abs(float(told[key]["score"]) - score.max()) < 2e-5
        names = [str(i) for i in range(4) if score[i] >= thresholds[i]]
        assert abs(score - thresholds).min() < 1e-5 or told[key]["prediction"] == ";".join(names)


@pytest.mark.full
@pytest.mark.parametrize("recipe", test_multi_label.RECIPES)
def test_scikit_learn_has_the_same_measures(tmp_path, recipe):
    from sklearn import metrics

    rows, scores, thresholds, _, ours = evaluate(tmp_path, recipe)
    truth = np.array([[i in row[2] for i in range(4)] for row in rows])
    answer = scores >= thresholds
    multi = ours["multi_label"]
    assert abs(multi["micro_f1"] - metrics.f1_score(truth, answer, average="micro")) < 1e-6
    assert abs(multi["macro_f1"] - metrics.f1_score(truth, answer, average="macro")) < 1e-6
    assert abs(multi["hamming_loss"] - metrics.hamming_loss(truth, answer)) < 1e-6
    assert abs(multi["subset_accuracy"] - metrics.accuracy_score(truth, answer)) < 1e-6
    assert abs(multi["mean_average_precision"] - metrics.average_precision_score(truth, scores, average="macro")) < 1e-4
    assert abs(ours["log_loss"] - np.mean([metrics.log_loss(truth[:, i], scores[:, i]) for i in range(4)])) < 1e-4
    for i, item in enumerate(ours["per_class"]):
        assert abs(item["average_precision"] - metrics.average_precision_score(truth[:, i], scores[:, i])) < 1e-4
