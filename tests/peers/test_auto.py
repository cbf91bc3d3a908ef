"""Heads of the recipe auto beside scikit-learn's on the same rows, and in ONNX Runtime."""
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIT = pathlib.Path(os.environ.get("TOPWORK", ROOT / "build/topwork")).parent / "tests/tools/fit-head"
PLAIN, SQRT, SQRT_UNIT = 0, 1, 3
SHAPES = [(90, 40, 3), (60, 150, 4)]  # more rows than values, and fewer


def rows(count, width, classes, seed=0):
    """Clouds that overlap, not below 0, as embeddings after a ReLU and a pool are."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    values = random.gamma(0.8, 0.4, (count, width)) * (1 + 0.6 * random.random((classes, width))[labels])
    return values.astype(np.float32), labels.astype(np.int64)


def fit(family, kind, strength, x, y, gamma=0.0):
    """Logits of the rows, the last stage's weights and bias."""
    classes = int(y.max()) + 1
    done = subprocess.run([FIT, family, str(kind), repr(strength), repr(gamma), str(len(x)), str(x.shape[1]), str(classes)],
                          input=x.tobytes() + y.tobytes(), capture_output=True, check=True)
    out = np.frombuffer(done.stdout, np.float32)
    logits, rest = out[:len(x) * classes].reshape(len(x), classes), out[len(x) * classes:]
    return logits, rest[:-classes].reshape(-1, classes), rest[-classes:]


def spread(x):
    x = x.astype(np.float64)
    return np.square(x - x.mean(axis=0)).sum(axis=1).mean()


def root(x):
    return np.sqrt(x)


def unit_root(x):
    return root(x) / np.linalg.norm(root(x), axis=1, keepdims=True)


def objective(weights, bias, x, y, c):
    """What scikit-learn's LogisticRegression makes least, divided by C."""
    logits = x.astype(np.float64) @ weights.astype(np.float64) + bias
    most = logits.max(axis=1)
    losses = np.log(np.exp(logits - most[:, None]).sum(axis=1)) + most - logits[np.arange(len(y)), y]
    return losses.sum() + np.square(weights.astype(np.float64)).sum() / (2 * c)


@pytest.mark.full
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("strength", [1.0, 50.0])
def test_logistic_regression_reaches_scikit_learns_objective(shape, strength):
    from sklearn.linear_model import LogisticRegression

    x, y = rows(*shape)
    c = strength / spread(x)
    _, weights, bias = fit("logistic regression", PLAIN, strength, x, y)
    theirs = LogisticRegression(C=c, tol=1e-10, max_iter=100000).fit(x.astype(np.float64), y)
    least = objective(theirs.coef_.T, theirs.intercept_, x, y, c)
    assert objective(weights, bias, x, y, c) <= least * (1 + 1e-6)


@pytest.mark.full
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("shrinkage", [0.3, 0.8])
def test_lda_decides_as_scikit_learns(shape, shrinkage):
    from sklearn.covariance import shrunk_covariance
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    class Shrunk:  # scikit-learn scales features to unit variance before its own shrinkage; ours takes them as they are
        def fit(self, x):
            self.covariance_ = shrunk_covariance(np.cov(x.T, bias=True), shrinkage)
            return self

    x, y = rows(*shape)
    logits, _, _ = fit("shrinkage LDA", SQRT, shrinkage, x, y)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", covariance_estimator=Shrunk()).fit(root(x).astype(np.float64), y)
    wanted = theirs.decision_function(root(x).astype(np.float64))
    ours, wanted = logits - logits.mean(axis=1, keepdims=True), wanted - wanted.mean(axis=1, keepdims=True)
    assert np.abs(ours - wanted).max() < 2e-3 * np.abs(wanted).max()


@pytest.mark.full
@pytest.mark.parametrize("shape", SHAPES)
def test_the_kernel_machine_predicts_as_scikit_learns_kernel_ridge(shape):
    from sklearn.kernel_ridge import KernelRidge

    x, y = rows(*shape)
    features, targets = unit_root(x.astype(np.float64)), np.eye(shape[2])[y]
    logits, _, _ = fit("RBF kernel machine", SQRT_UNIT, 0.15, x, y, gamma=2.0)
    theirs = KernelRidge(kernel="rbf", gamma=1 / spread(features), alpha=0.15).fit(features, targets - targets.mean(axis=0))
    assert np.abs(logits - theirs.predict(features) - targets.mean(axis=0)).max() < 1e-4


def write_records(path, x, y):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for i, (embedding, label) in enumerate(zip(x, y)):
            writer.write(tf.train.Example(features=tf.train.Features(feature={
                "image_uri": tf.train.Feature(bytes_list=tf.train.BytesList(value=[f"photo-{i:04}".encode()])),
                "embedding": tf.train.Feature(float_list=tf.train.FloatList(value=embedding)),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            })).SerializeToString())


def check_scores(topwork, folder, x, y):
    """Trains by auto, and finds predictions.csv in ONNX Runtime's scores; gives the model's recipe."""
    import csv

    import onnx
    import onnxruntime

    write_records(folder / "all.tfrecord.gz", x, y)
    topwork("train", folder / "all.tfrecord.gz", "--eval", folder / "all.tfrecord.gz", "-o", folder / "run", "-q")
    model = folder / "run/model.onnx"
    scores = onnxruntime.InferenceSession(str(model)).run(["scores"], {"embedding": x})[0]
    with open(folder / "run/predictions.csv") as file:
        for row, wanted in zip(csv.DictReader(file), scores):
            assert int(row["prediction"]) == wanted.argmax() and abs(float(row["score"]) - wanted.max()) <= 1.1e-5
    properties = {entry.key: entry.value for entry in onnx.load(model).metadata_props}
    recipe = json.loads(properties["topwork.recipe"])
    assert json.loads((folder / "run/metrics.json").read_text())["recipe"] == recipe
    return recipe


def test_onnx_runtime_gives_the_scores_of_what_auto_chose(topwork, tmp_path):
    recipe = check_scores(topwork, tmp_path, *rows(150, 64, 3))
    assert recipe["recipe"] == "auto" and recipe["chosen"][0]["log_loss"] > 0
    assert len(recipe["candidates"]) > 20 and recipe["folds"] == 5


def test_a_circle_in_a_ring_takes_a_kernel_and_runs_in_onnx_runtime(topwork, tmp_path):
    random = np.random.default_rng(1)
    labels = np.arange(300) % 2
    x = random.normal(0, 0.15, (300, 8))
    angle = random.random(300) * 2 * np.pi
    x[:, 0] += np.cos(angle) * (labels * 2)
    x[:, 1] += np.sin(angle) * (labels * 2)
    recipe = check_scores(topwork, tmp_path, x.astype(np.float32), labels.astype(np.int64))
    assert [chosen["head"] for chosen in recipe["chosen"]] == ["RBF kernel machine"]
    assert recipe["accuracy"] > 0.98


@pytest.mark.full
def test_on_the_flower_records_auto_is_as_good_as_is_asked(topwork, flowers, tmp_path):
    topwork("train", *sorted(flowers.glob("train-*.gz")), "--eval", flowers / "eval-00000-of-00001.tfrecord.gz", "-o", tmp_path / "run", "-q")
    assert json.loads((tmp_path / "run/metrics.json").read_text())["accuracy"] >= 0.9346
