#!/usr/bin/env python3
"""Accuracy of a head (logistic regression) on a backbone's embeddings of the shared flower photos, 233 to train and 367 to
evaluate; beside it what a network of the same size must beat.

  evaluate.py --shared ../shared --backbone backbones/sprout.onnx
"""
import argparse
import csv
import json
import os

import numpy as np
import onnxruntime
from PIL import Image
from sklearn.linear_model import LogisticRegression


def embed(session, policy, paths):
    size = (policy["width"], policy["height"])
    rows = []
    for path in paths:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB").resize(size, Image.BILINEAR), np.float32)
        pixels = (pixels - np.float32(policy["mean"])) * np.float32(policy["scale"])
        rows.append(session.run(None, {"image": pixels.transpose(2, 0, 1)[None]})[0][0])
    return np.stack(rows)


def labelled(shared, name):
    with open(os.path.join(shared, "data/flowers", name)) as file:
        rows = [(os.path.basename(row[0]), row[1]) for row in csv.reader(file) if len(row) >= 2]
    folder = os.path.join(shared, "data/flowers/photos")
    found = [(os.path.join(folder, label, photo), label) for photo, label in rows]
    return [(path, label) for path, label in found if os.path.exists(path)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", default=os.environ.get("TOPWORK_SHARED", "../shared"))
    parser.add_argument("--backbone", default="backbones/sprout.onnx")
    args = parser.parse_args()
    session = onnxruntime.InferenceSession(args.backbone, providers=["CPUExecutionProvider"])
    policy = json.loads(session.get_modelmeta().custom_metadata_map["topwork.policy"])
    sides = [labelled(args.shared, name) for name in ("train_data.csv", "eval_data.csv")]
    train, evaluation = [embed(session, policy, [path for path, _ in side]) for side in sides]
    truths = [np.array([label for _, label in side]) for side in sides]
    for name, way in (("plain", lambda x: x), ("square roots", lambda x: np.sqrt(np.maximum(x, 0)))):
        for c in (0.01, 0.1, 1, 10):
            head = LogisticRegression(C=c, max_iter=2000).fit(way(train), truths[0])
            print(f"{name}, C={c}: {head.score(way(evaluation), truths[1]):.4f} ({len(train)} / {len(evaluation)})")


if __name__ == "__main__":
    main()
