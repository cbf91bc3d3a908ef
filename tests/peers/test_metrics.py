"""Metrics beside scikit-learn's and SciPy's, from the scores that ONNX Runtime gets out of the model file."""
import json
import pathlib
import sys

import numpy as np
import onnxruntime
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import made

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is among the heavy peers")
pytestmark = pytest.mark.full


def scores_of(model, rows):
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    embeddings = np.array([embedding for _, embedding, _ in rows], np.float32)
    return session.run(["scores"], {session.get_inputs()[0].name: embeddings})[0].astype(np.float64)


@pytest.fixture
def rows():
    """Clusters that lie over each other, so that there are mistakes, some of them wrongly labelled."""
    found = made.clusters(400, classes=6, seed=3)
    return [(uri, [v * 0.4 + np.sin(i * 7 + j) * 0.5 for j, v in enumerate(e)], [(l[0] + (i % 11 == 0)) % 6]) for i, (uri, e, l) in enumerate(found)]


@pytest.fixture
def models(topwork, rows, tmp_path):
    train = made.write_records(tmp_path / "train.tfrecord", [made.example(*row) for row in rows[:200]])
    evaluation = made.write_records(tmp_path / "eval.tfrecord", [made.example(*row) for row in rows[200:]])
    for name, steps in (("a", 200), ("b", 15)):
        topwork("train", train, "--eval", evaluation, "-o", tmp_path / name, "--steps", steps, "--hidden", 32, "-q")
    return tmp_path / "a", tmp_path / "b", evaluation


def test_every_measure_is_scikit_learns(topwork, models, rows):
    found = json.loads(topwork("evaluate", models[0], models[2], "--json").stdout)
    order = sorted(rows[200:])
    scores, truth = scores_of(models[0] / "model.onnx", order), np.array([labels[0] for _, _, labels in order])
    guess, classes = scores.argmax(1), range(6)
    close = dict(rel=2e-5, abs=2e-6)
    assert found["accuracy"] == pytest.approx(metrics.accuracy_score(truth, guess)) and found["accuracy"] < 0.99
    assert found["balanced_accuracy"] == pytest.approx(metrics.balanced_accuracy_score(truth, guess))
    assert found["macro_f1"] == pytest.approx(metrics.f1_score(truth, guess, average="macro"))
    assert found["log_loss"] == pytest.approx(metrics.log_loss(truth, scores, labels=classes), **close)
    for k in (2, 3, 5):
        assert found[f"top_{k}_accuracy"] == pytest.approx(metrics.top_k_accuracy_score(truth, scores, k=k, labels=classes))
    assert found["confusion"] == metrics.confusion_matrix(truth, guess).tolist()
    precision, recall, f1, count = metrics.precision_recall_fscore_support(truth, guess, zero_division=np.nan)
    for c, one in enumerate(found["per_class"]):
        assert one["precision"] == pytest.approx(precision[c], nan_ok=True) and one["recall"] == pytest.approx(recall[c])
        assert one["f1"] == pytest.approx(f1[c]) and one["count"] == count[c]
        assert one["average_precision"] == pytest.approx(metrics.average_precision_score(truth == c, scores[:, c]), **close)
    mean = metrics.average_precision_score(np.eye(6)[truth], scores, average="macro")
    assert found["mean_average_precision"] == pytest.approx(mean, **close)


def test_calibration_error_is_that_of_numpy(topwork, models, rows):
    found = json.loads(topwork("evaluate", models[0], models[2], "--json").stdout)
    scores, truth = scores_of(models[0] / "model.onnx", rows[200:]), np.array([labels[0] for _, _, labels in rows[200:]])
    bins, right = np.clip(np.ceil(scores.max(1) * 15) - 1, 0, 14), scores.argmax(1) == truth
    wanted = sum(abs((right[bins == b] - scores.max(1)[bins == b]).sum()) for b in range(15)) / len(truth)
    assert found["calibration_error"] == pytest.approx(wanted, abs=1e-5)


def test_intervals_are_near_scipys_bootstrap(topwork, models, rows):
    from scipy.stats import bootstrap
    found = json.loads(topwork("evaluate", models[0], models[2], "--json").stdout)
    scores, truth = scores_of(models[0] / "model.onnx", rows[200:]), np.array([labels[0] for _, _, labels in rows[200:]])
    wanted = bootstrap(((scores.argmax(1) == truth).astype(float),), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    assert found["intervals"]["accuracy"] == pytest.approx([wanted.low, wanted.high], abs=0.012)
    losses = -np.log(np.clip(scores[np.arange(len(truth)), truth], 1e-15, 1))
    wanted = bootstrap((losses,), np.mean, method="percentile", n_resamples=4000, rng=0).confidence_interval
    assert found["intervals"]["log_loss"] == pytest.approx([wanted.low, wanted.high], rel=0.06)


def test_mcnemars_p_is_scipys_exact_binomial(topwork, models):
    from scipy.stats import binomtest
    found = json.loads(topwork("evaluate", "--compare", models[1], models[0], models[2], "--json").stdout)
    a, b = found["only_a_right"], found["only_b_right"]
    assert a + b > 0 and found["p_value"] == pytest.approx(binomtest(min(a, b), a + b).pvalue, rel=1e-6)
    assert found["accuracy_gain"]["value"] == pytest.approx((b - a) / found["count"])
