#!/usr/bin/env python3
"""Writes the trained network as ONNX: batch norm folded in, weights as 16-bit floats, the photo's way in its metadata.

  export.py --weights tools/distil/work/sprout.pt -o backbones/sprout.onnx [--state tools/distil/state/sprout.pt]

--state also keeps the network's weights in the form from which train.py goes on.
"""
import argparse
import json

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from network import EMBEDDING, SIZE, Block, Sprout

POLICY = {
    "decode": {"jpeg_dct": "ifast", "exif": "apply", "alpha": "blend", "background": [255, 255, 255]},
    "resize": "pillow_bilinear", "fit": "squash", "width": SIZE, "height": SIZE,
    "mean": [128, 128, 128], "scale": [0.015625, 0.015625, 0.015625], "layout": "nchw", "channels": "rgb",
}


class Writer:
    def __init__(self):
        self.nodes, self.initializers = [], []

    def constant(self, name, values):
        self.initializers.append(numpy_helper.from_array(values.detach().numpy().astype(np.float16), name + "_f16"))
        self.nodes.append(helper.make_node("Cast", [name + "_f16"], [name], name + "_cast", to=TensorProto.FLOAT))
        return name

    def convolution(self, name, layers, x):
        convolution, norm = layers[0], layers[1]
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weights = self.constant(name + "_weights", convolution.weight * gain[:, None, None, None])
        bias = self.constant(name + "_bias", norm.bias - norm.running_mean * gain)
        pad = convolution.padding[0]
        self.nodes.append(helper.make_node(
            "Conv", [x, weights, bias], [name], name, kernel_shape=convolution.kernel_size, strides=convolution.stride,
            pads=[pad] * 4, group=convolution.groups))
        if len(layers) < 3:
            return name
        self.nodes.append(helper.make_node("Relu", [name], [name + "_relu"], name + "_relu"))
        return name + "_relu"

    def block(self, name, block, x):
        y = x
        for i, layers in enumerate(block.layers):
            y = self.convolution(f"{name}_{i}", layers, y)
        if not block.adds:
            return y
        self.nodes.append(helper.make_node("Add", [x, y], [name + "_sum"], name + "_sum"))
        return name + "_sum"


def model_of(sprout):
    writer, x = Writer(), "image"
    for i, part in enumerate(sprout.features):
        x = (writer.block if isinstance(part, Block) else writer.convolution)(f"part_{i}", part, x)
    writer.nodes.append(helper.make_node("GlobalAveragePool", [x], ["pooled"], "pool"))
    writer.nodes.append(helper.make_node("Flatten", ["pooled"], ["embedding"], "flatten", axis=1))
    graph = helper.make_graph(
        writer.nodes, "sprout",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", 3, SIZE, SIZE])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["N", EMBEDDING])], writer.initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="topwork-distil", ir_version=8)
    helper.set_model_props(model, {
        "topwork.policy": json.dumps(POLICY, separators=(",", ":")), "topwork.embedding": "embedding", "name": "sprout",
        "license": "Apache-2.0"})
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", required=True)
    parser.add_argument("--state")
    parser.add_argument("-o", "--output", required=True)
    args = parser.parse_args()
    state = {k: v for k, v in torch.load(args.weights).items() if k.startswith("sprout.")}
    sprout = Sprout().eval()
    sprout.load_state_dict({k.removeprefix("sprout."): v.float() if v.is_floating_point() else v for k, v in state.items()})
    onnx.save(model_of(sprout), args.output)
    if args.state:
        torch.save(state, args.state)


if __name__ == "__main__":
    main()
