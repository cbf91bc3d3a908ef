"""Networks with random weights, as ONNX: MobileNet v2 and ResNet-50, batch norm folded away. For the peers' Python:
networks.py NAME FILE. The same name gives the same bytes."""
import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Maker:
    def __init__(self, name):
        self.random = np.random.default_rng(sum(name.encode()))
        self.name, self.nodes, self.weights, self.count = name, [], [], 0

    def node(self, op, inputs, **attributes):
        self.count += 1
        output = f"{op.lower()}_{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def constant(self, values):
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def conv(self, x, inputs, outputs, kernel=1, stride=1, group=1, gain=2.0):
        fan = inputs // group * kernel * kernel
        weights = self.random.normal(0, np.sqrt(gain / fan), (outputs, inputs // group, kernel, kernel))
        bias = self.random.normal(0, 0.1, outputs)
        pad = kernel // 2
        return self.node("Conv", [x, self.constant(weights), self.constant(bias)], kernel_shape=[kernel, kernel],
                         strides=[stride, stride], group=group, pads=[pad, pad, pad, pad])

    def relu(self, x):
        return self.node("Relu", [x])

    def relu6(self, x):
        return self.node("Clip", [x, self.constant(np.array(0)), self.constant(np.array(6))])

    def add(self, x, y):
        return self.node("Add", [x, y])

    def save(self, x, channels, size, path):
        x = self.node("Flatten", [self.node("GlobalAveragePool", [x])], axis=1)
        self.nodes[-1].output[0] = "embedding"
        graph = helper.make_graph(
            self.nodes, self.name, [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, size, size])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", channels])], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        policy = {"decode": {"jpeg_dct": "ifast", "exif": "apply", "alpha": "blend", "background": [255, 255, 255]},
                  "resize": "pillow_bilinear", "fit": "squash", "width": size, "height": size, "mean": [127.5] * 3,
                  "scale": [float(np.float32(1 / 127.5))] * 3, "layout": "nchw", "channels": "rgb"}
        helper.set_model_props(model, {"topwork.policy": json.dumps(policy), "topwork.embedding": "embedding"})
        onnx.checker.check_model(model)
        onnx.save(model, path)


def resnet50(path):
    m = Maker("resnet50")
    x = m.relu(m.conv("image", 3, 64, 7, 2))
    x = m.node("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    channels = 64
    for stage, (blocks, width) in enumerate(((3, 64), (4, 128), (6, 256), (3, 512))):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            y = m.relu(m.conv(x, channels, width))
            y = m.relu(m.conv(y, width, width, 3, stride))
            y = m.conv(y, width, width * 4, gain=0.5)
            if block == 0:
                x = m.conv(x, channels, width * 4, 1, stride, gain=1.0)
            channels = width * 4
            x = m.relu(m.add(x, y))
    m.save(x, channels, 224, path)


def mobilenet_v2(path):
    m = Maker("mobilenet_v2")
    x = m.relu6(m.conv("image", 3, 32, 3, 2))
    channels = 32
    for expand, width, blocks, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
                                         (6, 320, 1, 1)):
        for block in range(blocks):
            stride, inner = first if block == 0 else 1, channels * expand
            y = m.relu6(m.conv(x, channels, inner)) if expand > 1 else x
            y = m.relu6(m.conv(y, inner, inner, 3, stride, inner))
            y = m.conv(y, inner, width, gain=1.0 if stride > 1 or channels != width else 0.5)
            x = m.add(x, y) if stride == 1 and channels == width else y
            channels = width
    m.save(m.relu6(m.conv(x, channels, 1280)), 1280, 224, path)


if __name__ == "__main__":
    {"resnet50": resnet50, "mobilenet_v2": mobilenet_v2}[sys.argv[1]](sys.argv[2])
