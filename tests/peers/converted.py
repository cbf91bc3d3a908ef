"""A network through `topwork backbone convert`, run by ONNX Runtime; and what comparing needs."""
import json

import numpy as np
import onnxruntime


class Converted:
    """The network of a file as topwork writes it to ONNX."""

    def __init__(self, topwork, model, folder, *options):
        self.path = folder / "converted.onnx"
        topwork("backbone", "convert", model, "-o", self.path, "--force", "-q", *options)
        self.session = onnxruntime.InferenceSession(str(self.path), providers=["CPUExecutionProvider"])
        self.properties = self.session.get_modelmeta().custom_metadata_map
        self.policy = json.loads(self.properties["topwork.policy"])

    def __call__(self, batch):
        """The outputs for pictures N, height, width, channels."""
        if self.policy["layout"] == "nchw":
            batch = np.transpose(batch, (0, 3, 1, 2))
        return self.session.run(None, {self.session.get_inputs()[0].name: np.ascontiguousarray(batch, np.float32)})


def difference(ours, theirs):
    """Length of the difference as a share of the length of theirs."""
    ours, theirs = np.asarray(ours, np.float64).ravel(), np.asarray(theirs, np.float64).ravel()
    return np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)


def embeddings(folder):
    """uri -> vector, of the records that `topwork embed` wrote there."""
    import tensorflow as tf
    found = {}
    for record in tf.data.TFRecordDataset([str(p) for p in sorted(folder.glob("*.tfrecord.gz"))], "GZIP"):
        features = tf.train.Example.FromString(record.numpy()).features.feature
        found[features["image_uri"].bytes_list.value[0].decode()] = np.array(features["embedding"].float_list.value, np.float32)
    return found
