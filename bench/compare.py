"""Least cosine of embeddings to the reference's. For the peers' Python: compare.py JSON with reference (.npy) and embeddings (lists), or
records (TFRecord files of topwork) and keys (paths of photos, in the reference's order). Prints it."""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np


def read(job):
    import tensorflow as tf

    found = {}
    for record in tf.data.TFRecordDataset(job["records"], compression_type="GZIP"):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        found[feature["image_uri"].bytes_list.value[0].decode().removeprefix("file://")] = feature["embedding"].float_list.value
    return [found[key] for key in job["keys"]]


def main():
    job = json.load(sys.stdin)
    reference = np.load(job["reference"]).astype(np.float64)
    values = np.array(job["embeddings"] if "embeddings" in job else read(job), np.float64)
    reference = reference[:len(values)]
    print(np.min((values * reference).sum(1) / np.linalg.norm(values, axis=1) / np.linalg.norm(reference, axis=1)))


if __name__ == "__main__":
    main()
