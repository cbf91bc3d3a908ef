"""Inception v3 in plain TensorFlow, with its weights by the names of Slim's or torchvision's files; and weights for it."""
import numpy as np
import tensorflow as tf

# Per kind of block: branches; each a list of (Slim's name, torchvision's name, channels out, height, width, stride, padding).
# "avg", "max": pools. A tuple of two convolutions: both take what is there, and are joined.
S, V = "SAME", "VALID"


def block_35(pool):
    return [[("Branch_0/Conv2d_0a_1x1", "branch1x1", 64, 1, 1, 1, S)],
            [("Branch_1/Conv2d_0a_1x1", "branch5x5_1", 48, 1, 1, 1, S), ("Branch_1/Conv2d_0b_5x5", "branch5x5_2", 64, 5, 5, 1, S)],
            [("Branch_2/Conv2d_0a_1x1", "branch3x3dbl_1", 64, 1, 1, 1, S), ("Branch_2/Conv2d_0b_3x3", "branch3x3dbl_2", 96, 3, 3, 1, S), ("Branch_2/Conv2d_0c_3x3", "branch3x3dbl_3", 96, 3, 3, 1, S)],
            ["avg", ("Branch_3/Conv2d_0b_1x1", "branch_pool", pool, 1, 1, 1, S)]]


def block_17(c):
    return [[("Branch_0/Conv2d_0a_1x1", "branch1x1", 192, 1, 1, 1, S)],
            [("Branch_1/Conv2d_0a_1x1", "branch7x7_1", c, 1, 1, 1, S), ("Branch_1/Conv2d_0b_1x7", "branch7x7_2", c, 1, 7, 1, S), ("Branch_1/Conv2d_0c_7x1", "branch7x7_3", 192, 7, 1, 1, S)],
            [("Branch_2/Conv2d_0a_1x1", "branch7x7dbl_1", c, 1, 1, 1, S), ("Branch_2/Conv2d_0b_7x1", "branch7x7dbl_2", c, 7, 1, 1, S), ("Branch_2/Conv2d_0c_1x7", "branch7x7dbl_3", c, 1, 7, 1, S),
             ("Branch_2/Conv2d_0d_7x1", "branch7x7dbl_4", c, 7, 1, 1, S), ("Branch_2/Conv2d_0e_1x7", "branch7x7dbl_5", 192, 1, 7, 1, S)],
            ["avg", ("Branch_3/Conv2d_0b_1x1", "branch_pool", 192, 1, 1, 1, S)]]


def block_8(tall):
    return [[("Branch_0/Conv2d_0a_1x1", "branch1x1", 320, 1, 1, 1, S)],
            [("Branch_1/Conv2d_0a_1x1", "branch3x3_1", 384, 1, 1, 1, S), (("Branch_1/Conv2d_0b_1x3", "branch3x3_2a", 384, 1, 3, 1, S), (f"Branch_1/{tall}", "branch3x3_2b", 384, 3, 1, 1, S))],
            [("Branch_2/Conv2d_0a_1x1", "branch3x3dbl_1", 448, 1, 1, 1, S), ("Branch_2/Conv2d_0b_3x3", "branch3x3dbl_2", 384, 3, 3, 1, S),
             (("Branch_2/Conv2d_0c_1x3", "branch3x3dbl_3a", 384, 1, 3, 1, S), ("Branch_2/Conv2d_0d_3x1", "branch3x3dbl_3b", 384, 3, 1, 1, S))],
            ["avg", ("Branch_3/Conv2d_0b_1x1", "branch_pool", 192, 1, 1, 1, S)]]


def spelled_otherwise(branches):
    """Of Mixed_5c, in Slim's files."""
    branches[1] = [("Branch_1/Conv2d_0b_1x1", *branches[1][0][1:]), ("Branch_1/Conv_1_0c_5x5", *branches[1][1][1:])]
    return branches


NETWORK = [
    ("", [[("Conv2d_1a_3x3", "Conv2d_1a_3x3", 32, 3, 3, 2, V), ("Conv2d_2a_3x3", "Conv2d_2a_3x3", 32, 3, 3, 1, V), ("Conv2d_2b_3x3", "Conv2d_2b_3x3", 64, 3, 3, 1, S), "max",
           ("Conv2d_3b_1x1", "Conv2d_3b_1x1", 80, 1, 1, 1, V), ("Conv2d_4a_3x3", "Conv2d_4a_3x3", 192, 3, 3, 1, V), "max"]]),
    ("Mixed_5b", block_35(32)), ("Mixed_5c", spelled_otherwise(block_35(64))), ("Mixed_5d", block_35(64)),
    ("Mixed_6a", [[("Branch_0/Conv2d_1a_1x1", "branch3x3", 384, 3, 3, 2, V)],
                  [("Branch_1/Conv2d_0a_1x1", "branch3x3dbl_1", 64, 1, 1, 1, S), ("Branch_1/Conv2d_0b_3x3", "branch3x3dbl_2", 96, 3, 3, 1, S), ("Branch_1/Conv2d_1a_1x1", "branch3x3dbl_3", 96, 3, 3, 2, V)],
                  ["max"]]),
    ("Mixed_6b", block_17(128)), ("Mixed_6c", block_17(160)), ("Mixed_6d", block_17(160)), ("Mixed_6e", block_17(192)),
    ("Mixed_7a", [[("Branch_0/Conv2d_0a_1x1", "branch3x3_1", 192, 1, 1, 1, S), ("Branch_0/Conv2d_1a_3x3", "branch3x3_2", 320, 3, 3, 2, V)],
                  [("Branch_1/Conv2d_0a_1x1", "branch7x7x3_1", 192, 1, 1, 1, S), ("Branch_1/Conv2d_0b_1x7", "branch7x7x3_2", 192, 1, 7, 1, S), ("Branch_1/Conv2d_0c_7x1", "branch7x7x3_3", 192, 7, 1, 1, S),
                   ("Branch_1/Conv2d_1a_3x3", "branch7x7x3_4", 192, 3, 3, 2, V)],
                  ["max"]]),
    ("Mixed_7b", block_8("Conv2d_0b_3x1")), ("Mixed_7c", block_8("Conv2d_0c_3x1")),
]


def units():
    """(block, convolution) in the order of the network."""
    for block, branches in NETWORK:
        for step in (step for branch in branches for step in branch if not isinstance(step, str)):
            for unit in step if isinstance(step[0], tuple) else [step]:
                yield block, unit


def slim_name(block, unit):
    return "/".join(part for part in ("InceptionV3", block, unit[0]) if part)


def torch_name(block, unit):
    return ".".join(part for part in (block, unit[1]) if part)


def features(x, weight, torch_padding=False):
    """The pooled features; `weight(block, unit)` gives filter (height, width, in, out), gamma, beta, mean, variance."""
    def apply(block, step, x):
        if step == "max":
            return tf.nn.max_pool2d(x, 3, 2, V)
        if step == "avg":
            return tf.nn.avg_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]), 3, 1, V) if torch_padding else tf.nn.avg_pool2d(x, 3, 1, S)
        if isinstance(step[0], tuple):
            return tf.concat([apply(block, unit, x) for unit in step], 3)
        kernel, gamma, beta, mean, variance = weight(block, step)
        return tf.nn.relu(tf.nn.batch_normalization(tf.nn.conv2d(x, kernel, step[5], step[6]), mean, variance, beta, gamma, 0.001))

    for block, branches in NETWORK:
        ends = []
        for branch in branches:
            y = x
            for step in branch:
                y = apply(block, step, y)
            ends.append(y)
        x = tf.concat(ends, 3)
    return tf.reduce_mean(x, [1, 2])


def random_weights(seed, classes):
    """Slim's tensors by name, sized so that numbers stay in range through all layers."""
    random, found, within = np.random.default_rng(seed), {}, {}
    channels = 3
    for block, branches in NETWORK:
        total = 0
        for branch in branches:
            depth = channels
            for step in branch:
                if isinstance(step, str):
                    continue
                pair = step if isinstance(step[0], tuple) else [step]
                for unit in pair:
                    within[slim_name(block, unit)] = (unit[3], unit[4], depth, unit[2])
                depth = sum(unit[2] for unit in pair)
            total += depth
        channels = total
    for name, shape in within.items():
        found[f"{name}/weights"] = random.normal(0, np.sqrt(2 / np.prod(shape[:3])), shape)
        found[f"{name}/BatchNorm/beta"] = random.normal(0, 0.1, shape[3])
        found[f"{name}/BatchNorm/moving_mean"] = random.normal(0, 0.1, shape[3])
        found[f"{name}/BatchNorm/moving_variance"] = random.uniform(0.6, 1.4, shape[3])
    found["InceptionV3/Logits/Conv2d_1c_1x1/weights"] = random.normal(0, 0.02, (1, 1, 2048, classes))
    found["InceptionV3/Logits/Conv2d_1c_1x1/biases"] = random.normal(0, 0.1, classes)
    return {name: value.astype(np.float32) for name, value in found.items()}


def weight_of(weights):
    def weight(block, unit):
        name = slim_name(block, unit)
        return [weights[f"{name}/weights"], weights.get(f"{name}/BatchNorm/gamma")] + [weights[f"{name}/BatchNorm/{part}"] for part in ("beta", "moving_mean", "moving_variance")]
    return weight
