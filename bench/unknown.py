#!/usr/bin/env python3
"""AUROC of ways to tell photos of other things from those of the trained labels, on embeddings.

    bench/unknown.py TRAIN KNOWN UNKNOWN        folders from `topwork embed`; needs scikit-learn (tools/peers --full)
"""
import json
import pathlib
import subprocess
import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

TOPWORK = pathlib.Path(__file__).resolve().parent.parent / "build" / "topwork"


def load(folder):
    shards = sorted(pathlib.Path(folder).glob("*.tfrecord.gz"))
    done = subprocess.run([TOPWORK, "records", "cat", *shards, "--values", "0"], capture_output=True, text=True, check=True)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    vectors = np.array([row["embedding"] for row in rows])
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.array([(row.get("label") or [0])[0] for row in rows])


def mahalanobis(train, labels, asked, shrinkage=0.5):
    """Negative distance to the nearest class mean, the covariance within classes shrunk; by Woodbury's identity."""
    means = {c: train[labels == c].mean(0) for c in set(labels)}
    rest = train - np.array([means[c] for c in labels])
    ridge = shrinkage * (rest**2).sum() / rest.size
    rest = rest * np.sqrt((1 - shrinkage) / len(rest))
    inner = np.linalg.inv(np.eye(len(rest)) + rest @ rest.T / ridge)
    distances = []
    for mean in means.values():
        away = (asked - mean) @ rest.T
        distances.append(((asked - mean) ** 2).sum(1) / ridge - ((away @ inner) * away).sum(1) / ridge**2)
    return -np.min(distances, 0)


def main():
    (train, labels), (known, _), (unknown, _) = (load(folder) for folder in sys.argv[1:4])
    asked, truth = np.vstack([known, unknown]), np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    logits = LogisticRegression(C=10, max_iter=1000).fit(train, labels).decision_function(asked)
    most = logits.max(1, keepdims=True)
    sums = np.exp(logits - most).sum(1)
    likeness = np.sort(asked @ train.T, 1)
    means = np.array([train[labels == c].mean(0) for c in sorted(set(labels))])
    ways = {
        "cosine to the nearest row": likeness[:, -1],
        "cosine to the 10th nearest row": likeness[:, -10],
        "cosine to the nearest class mean": (asked @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T).max(1),
        "Mahalanobis, shrinkage 0.5": mahalanobis(train, labels, asked),
        "energy of logistic regression": most[:, 0] + np.log(sums),
        "greatest softmax score": 1 / sums,
    }
    print(f"{len(train)} rows trained on, {len(known)} known asked, {len(unknown)} unknown")
    for name, score in ways.items():
        print(f"{roc_auc_score(truth, score):.4f}  {name}")


if __name__ == "__main__":
    main()
