"""TensorFlow on the CPU, in its own layout (NHWC), as one function; photos by its own decoding and resizing in a tf.data pipeline."""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import json


import numpy as np
import onnx
import tensorflow as tf
from onnx import numpy_helper

import peer


def spatial(attributes, name, default):
    return list(attributes.get(name, default))


class Translation:
    """The few ops of the measured networks, from ONNX's layout to TensorFlow's."""

    def __init__(self, path):
        graph = onnx.load(path).graph
        self.nodes, self.output, self.input = graph.node, graph.output[0].name, graph.input[0].name
        self.constants = {weight.name: numpy_helper.to_array(weight) for weight in graph.initializer}
        for node in self.nodes:
            if node.op_type == "Cast" and node.input[0] in self.constants:
                self.constants[node.output[0]] = self.constants[node.input[0]].astype(np.float32)

    def pad(self, x, pads, value=0):
        if not any(pads):
            return x
        return tf.pad(x, [[0, 0], [pads[0], pads[2]], [pads[1], pads[3]], [0, 0]], constant_values=value)

    def conv(self, node, x, attributes):
        weights = self.constants[node.input[1]]
        pads, strides = spatial(attributes, "pads", [0] * 4), spatial(attributes, "strides", [1, 1])
        kernel = list(weights.shape[2:])
        is_same = strides == [1, 1] and pads == [(kernel[0] - 1) // 2, (kernel[1] - 1) // 2] * 2
        x, padding = (x, "SAME") if is_same else (self.pad(x, pads), "VALID")
        if attributes.get("group", 1) > 1:  # every channel of its own
            y = tf.nn.depthwise_conv2d(x, tf.constant(weights.transpose(2, 3, 0, 1)), [1, *strides, 1], padding)
        else:
            y = tf.nn.conv2d(x, tf.constant(weights.transpose(2, 3, 1, 0)), strides, padding)
        return tf.nn.bias_add(y, self.constants[node.input[2]]) if len(node.input) > 2 else y

    def pool(self, node, x, attributes):
        kernel, strides = spatial(attributes, "kernel_shape", None), spatial(attributes, "strides", [1, 1])
        pads, is_max = spatial(attributes, "pads", [0] * 4), node.op_type == "MaxPool"
        if strides == [1, 1] and pads == [1] * 4 and kernel == [3, 3]:  # neither kind counts what is padded
            return (tf.nn.max_pool2d if is_max else tf.nn.avg_pool2d)(x, kernel, strides, "SAME")
        assert is_max or not any(pads)
        return (tf.nn.max_pool2d if is_max else tf.nn.avg_pool2d)(self.pad(x, pads, -np.inf), kernel, strides, "VALID")

    def __call__(self, images):
        values = {self.input: images}
        for node in self.nodes:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.output[0] in self.constants:
                continue
            xs = [values[name] for name in node.input if name in values]
            if node.op_type == "Conv":
                y = self.conv(node, xs[0], attributes)
            elif node.op_type in ("MaxPool", "AveragePool"):
                y = self.pool(node, xs[0], attributes)
            else:
                y = {"Relu": lambda: tf.nn.relu(xs[0]), "Clip": lambda: tf.nn.relu6(xs[0]), "Add": lambda: xs[0] + xs[1],
                     "Concat": lambda: tf.concat(xs, 3), "GlobalAveragePool": lambda: tf.reduce_mean(xs[0], [1, 2]),
                     "Flatten": lambda: xs[0]}[node.op_type]()
            values[node.output[0]] = y
        return values[self.output]


def make_function(job):
    tf.config.threading.set_intra_op_parallelism_threads(job["threads"])
    tf.config.threading.set_inter_op_parallelism_threads(job["threads"])
    translation = Translation(job["model"])
    function = tf.function(translation, jit_compile=False)
    return function


def decode(path, job):
    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    if job["resize"] == "tf1":
        small = tf.compat.v1.image.resize_bilinear(tf.cast(image, tf.float32)[None], [job["size"]] * 2)[0]
    else:
        small = tf.image.resize(image, [job["size"]] * 2)
    return (small - job["mean"]) * job["scale"]


def measure_engine(job, function, batch):
    tensors = np.load(job["tensors"]).transpose(0, 2, 3, 1)
    inputs = tf.constant(tensors[np.arange(batch) % len(tensors)])

    def once(_number):
        function(inputs).numpy()
        return batch

    return peer.timed({**job, "threads": 1}, once)  # TensorFlow spreads a run over the threads itself


def measure_photos(job, function, batch):
    paths = tf.data.Dataset.from_tensor_slices(job["photos"]).repeat()
    batches = iter(paths.map(lambda path: decode(path, job), num_parallel_calls=job["threads"]).batch(batch).prefetch(2))

    def once(_number):
        function(next(batches)).numpy()
        return batch

    return peer.timed({**job, "threads": 1}, once)


def main():
    job = peer.job()
    function = make_function(job)
    if job.get("once"):
        print(json.dumps({"first": function(decode(job["photos"][0], job)[None]).numpy()[0].tolist()[:1]}))
        return
    tensors = np.load(job["tensors"]).transpose(0, 2, 3, 1)
    print(json.dumps({
        "engine": {batch: measure_engine(job, function, batch) for batch in job["batches"]},
        "photos": {batch: measure_photos(job, function, batch) for batch in job["batches"]},
        "embeddings": [function(tensor[None]).numpy()[0].tolist() for tensor in tensors],
        "versions": {"TensorFlow": tf.__version__}}))


if __name__ == "__main__":
    main()
