"""Small networks with the structure of well-known ones and random weights, spelled as each ONNX opset spells them."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper


class Net:
    """A network under construction. Values are names; channels are kept beside them."""

    def __init__(self, opset, inputs=(("image", (None, 3, 32, 32)),), seed=1):
        self.opset, self.random = opset, np.random.default_rng(seed)
        self.inputs, self.nodes, self.constants, self.channels = inputs, [], [], {}
        for name, shape in inputs:
            self.channels[name] = shape[1] if len(shape) > 1 else None

    def constant(self, array):
        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def floats(self, *shape, spread=1.0, centre=0.0):
        return self.constant((self.random.standard_normal(shape) * spread + centre).astype(np.float32))

    def number(self, value):
        return self.constant(np.float32(value))

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind}{len(self.nodes)}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=f"node_{names[0]}", **attributes))
        for name in names:
            self.channels[name] = self.channels.get(inputs[0]) if inputs else None
        return names[0] if outputs == 1 else names

    # What networks are made of.

    def conv(self, x, out, size=3, stride=1, pads=None, group=1, bias=False, **attributes):
        size = (size, size) if isinstance(size, int) else size
        pads = [s // 2 for s in size] * 2 if pads is None else pads
        depth = self.channels[x] // group
        weights = self.floats(out, depth, *size, spread=(2 / (depth * size[0] * size[1])) ** 0.5)
        inputs = [x, weights] + ([self.floats(out, spread=0.1)] if bias else [])
        y = self.op("Conv", *inputs, kernel_shape=size, strides=[stride, stride], group=group,
                    **({} if "auto_pad" in attributes else {"pads": pads}), **attributes)
        self.channels[y] = out
        return y

    def norm(self, x, epsilon=1e-3):
        c = self.channels[x]
        variance = self.constant((self.random.random(c) + 0.5).astype(np.float32))
        return self.op("BatchNormalization", x, self.floats(c, spread=0.1, centre=1), self.floats(c, spread=0.1),
                       self.floats(c, spread=0.1), variance, epsilon=epsilon)

    def clip(self, x, low, high):
        if self.opset < 11:
            return self.op("Clip", x, min=low, max=high)
        return self.op("Clip", x, self.number(low), self.number(high))

    def relu6(self, x):
        return self.clip(x, 0.0, 6.0)

    def conv_norm(self, x, out, size=3, stride=1, act="relu", **options):
        y = self.norm(self.conv(x, out, size, stride, **options))
        return y if act is None else self.act(y, act)

    def act(self, x, kind):
        if kind == "relu":
            return self.op("Relu", x)
        if kind == "relu6":
            return self.relu6(x)
        if kind == "swish":
            return self.op("Mul", x, self.op("Sigmoid", x))
        if kind == "hard_sigmoid":
            return self.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)
        if self.opset >= 14 and kind == "hard_swish":
            return self.op("HardSwish", x)
        if kind == "hard_swish_of_hard_sigmoid":
            return self.op("Mul", x, self.act(x, "hard_sigmoid"))
        bounded = self.relu6(self.op("Add", x, self.number(3)))
        return self.op("Div", self.op("Mul", x, bounded), self.number(6))

    def pool(self, x, kind, size=3, stride=2, pads=0, **attributes):
        return self.op(kind, x, kernel_shape=[size, size], strides=[stride, stride], pads=[pads] * 4, **attributes)

    def concat(self, *parts, axis=1):
        y = self.op("Concat", *parts, axis=axis)
        self.channels[y] = sum(self.channels[p] for p in parts)
        return y

    def reduce(self, kind, x, axes, keepdims=0):
        if self.opset >= 18:
            return self.op(kind, x, self.ints(*axes), keepdims=keepdims)
        return self.op(kind, x, axes=list(axes), keepdims=keepdims)

    def mean(self, x, axes, keepdims=0):
        return self.reduce("ReduceMean", x, axes, keepdims)

    def squeeze(self, x, axes):
        return self.op("Squeeze", x, self.ints(*axes)) if self.opset >= 13 else self.op("Squeeze", x, axes=list(axes))

    def unsqueeze(self, x, axes):
        return self.op("Unsqueeze", x, self.ints(*axes)) if self.opset >= 13 else self.op("Unsqueeze", x, axes=list(axes))

    def dropout(self, x):
        if self.opset >= 12:
            return self.op("Dropout", x, self.number(0.5))
        return self.op("Dropout", x, ratio=0.5)

    def dense(self, x, inputs, outputs, transposes=True):
        shape = (outputs, inputs) if transposes else (inputs, outputs)
        return self.op("Gemm", x, self.floats(*shape, spread=inputs ** -0.5), self.floats(outputs, spread=0.1), transB=int(transposes))

    def pad(self, x, pads, value=0.0, mode="constant"):
        if self.opset < 11:
            return self.op("Pad", x, pads=list(pads), mode=mode, **({"value": value} if mode == "constant" else {}))
        return self.op("Pad", x, self.ints(*pads), *([self.number(value)] if mode == "constant" else []), mode=mode)

    def split(self, x, parts, size, axis):
        if self.opset >= 13:
            return self.op("Split", x, self.ints(*[size] * parts), axis=axis, outputs=parts)
        return self.op("Split", x, split=[size] * parts, axis=axis, outputs=parts)

    def slice(self, x, starts, ends, axes):
        if self.opset >= 10:
            return self.op("Slice", x, self.ints(*starts), self.ints(*ends), self.ints(*axes))
        return self.op("Slice", x, starts=starts, ends=ends, axes=axes)

    def model(self, *outputs):
        def info(name, shape):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "net", [info(n, ["N" if d is None else d for d in s]) for n, s in self.inputs],
                                  [info(o, None) for o in outputs], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def vgg(n):
    x = "image"
    for width in (8, 16):
        for _ in range(2):
            x = n.op("Relu", n.conv(x, width, bias=True))
        x = n.pool(x, "MaxPool", 2, 2)
    x = n.op("Flatten", x, axis=1)
    x = n.dropout(n.op("Relu", n.dense(x, 16 * 64, 40)))
    return n.op("Softmax", n.dense(x, 40, 10), axis=1)


def resnet(n):
    x = n.pool(n.conv_norm("image", 16, 7, 2), "MaxPool", 3, 2, 1)
    for width, stride in ((16, 1), (32, 2)):
        short = n.conv_norm(x, 2 * width, 1, stride, act=None)
        y = n.conv_norm(n.conv_norm(x, width, 1), width, 3, stride)
        x = n.op("Relu", n.op("Add", n.conv_norm(y, 2 * width, 1, act=None), short))
        y = n.conv_norm(n.conv_norm(x, 2 * width, 3), 2 * width, 3, act=None)
        x = n.op("Relu", n.op("Add", x, y))
    return n.dense(n.op("Flatten", n.op("GlobalAveragePool", x)), 64, 10)


def inception(n):
    x = n.conv_norm(n.conv_norm("image", 8, 3, 2, pads=[0] * 4), 16)
    x = n.pool(x, "MaxPool", 3, 1)
    pooled = n.conv_norm(n.op("AveragePool", x, kernel_shape=[3, 3], strides=[1, 1], auto_pad="SAME_UPPER"), 16, 1)
    x = n.concat(n.conv_norm(x, 16, 1), n.conv_norm(n.conv_norm(x, 12, 1), 16, 5), n.conv_norm(n.conv_norm(x, 16, 1), 24), pooled)
    x = n.concat(n.conv_norm(x, 16, 3, 2, pads=[0] * 4), n.pool(x, "MaxPool", 3, 2))
    y = n.conv_norm(n.conv_norm(n.conv_norm(x, 16, 1), 16, (1, 7)), 16, (7, 1))
    z = n.conv_norm(x, 16, 1)
    fork = n.concat(n.conv_norm(z, 16, (1, 3)), n.conv_norm(z, 16, (3, 1)))
    x = n.concat(y, fork, n.conv_norm(n.pool(x, "AveragePool", 3, 1, 1), 16, 1), n.pool(x, "MaxPool", 3, 1, 1))
    return n.squeeze(n.op("AveragePool", x, kernel_shape=[6, 6], strides=[1, 1]), (2, 3))


def squeezenet(n):
    def fire(x, narrow, wide):
        x = n.op("Relu", n.conv(x, narrow, 1, bias=True))
        return n.concat(n.op("Relu", n.conv(x, wide, 1, bias=True)), n.op("Relu", n.conv(x, wide, 3, bias=True)))
    x = n.pool(n.op("Relu", n.conv("image", 16, 3, 2, pads=[0] * 4, bias=True)), "MaxPool", 3, 2, **({"ceil_mode": 1} if n.opset >= 10 else {}))
    x = n.dropout(fire(fire(x, 8, 16), 8, 24))
    x = n.op("GlobalAveragePool", n.op("Relu", n.conv(x, 10, 1, bias=True)))
    return n.op("Softmax", n.op("Flatten", x))


def mobilenet_v1(n):
    x = n.conv_norm("image", 8, 3, 2, act="relu6", auto_pad="SAME_UPPER")
    for out, stride in ((16, 1), (32, 2), (32, 1)):
        x = n.conv_norm(x, n.channels[x], 3, stride, act="relu6", group=n.channels[x], auto_pad="SAME_UPPER")
        x = n.conv_norm(x, out, 1, act="relu6")
    x = n.op("Reshape", n.op("GlobalAveragePool", x), n.ints(-1, 32, 1, 1))
    return n.op("Reshape", n.conv(x, 10, 1, bias=True), n.ints(0, -1))


def mobilenet_v2(n):
    x = n.conv_norm("image", 16, 3, 2, act="relu6")
    for out, stride in ((16, 1), (24, 2), (24, 1)):
        y = n.conv_norm(x, 6 * n.channels[x], 1, act="relu6")
        y = n.conv_norm(y, n.channels[y], 3, stride, act="relu6", group=n.channels[y])
        y = n.conv_norm(y, out, 1, act=None)
        x = n.op("Add", x, y) if stride == 1 and n.channels[x] == out else y
    return n.mean(n.conv_norm(x, 40, 1, act="relu6"), (2, 3))


def squeezed(n, x, gate, act):
    c = n.channels[x]
    y = n.mean(x, (2, 3), keepdims=1) if gate == "hard_sigmoid" else n.op("GlobalAveragePool", x)
    y = n.act(n.conv(y, 8, 1, bias=True), act)
    y = n.conv(y, c, 1, bias=True)
    return n.op("Mul", x, n.act(y, gate) if gate == "hard_sigmoid" else n.op("Sigmoid", y))


def mobilenet_v3(n):
    x = n.conv_norm("image", 16, 3, 2, act="hard_swish")
    for out, stride, act in ((16, 1, "relu"), (24, 2, "hard_swish"), (24, 1, "hard_swish_of_hard_sigmoid")):
        y = n.conv_norm(x, 3 * n.channels[x], 1, act=act)
        y = n.conv_norm(y, n.channels[y], 5, stride, act=act, group=n.channels[y])
        y = n.conv_norm(squeezed(n, y, "hard_sigmoid", "relu"), out, 1, act=None)
        x = n.op("Add", y, x) if stride == 1 and n.channels[x] == out else y
    return n.act(n.conv(n.op("GlobalAveragePool", x), 40, 1, bias=True), "hard_swish")


def efficientnet(n):
    """With TensorFlow's order of axes at its input and explicit padding before strides, as its converters write."""
    x = n.op("Mul", n.op("Sub", "image", n.floats(3)), n.floats(3, centre=1, spread=0.1))
    x = n.op("Transpose", x, perm=[0, 3, 1, 2])
    n.channels[x] = 3
    x = n.conv_norm(n.pad(x, [0, 0, 0, 0, 0, 0, 1, 1]), 16, 3, 2, act="swish", pads=[0] * 4)
    for out, size, stride in ((16, 3, 1), (24, 5, 2), (24, 5, 1)):
        y = n.conv_norm(x, 4 * n.channels[x], 1, act="swish")
        if stride == 2:
            y = n.pad(y, [0, 0, 1, 1, 0, 0, 2, 2])
        y = n.conv_norm(y, n.channels[y], size, stride, act="swish", group=n.channels[y], **({"pads": [0] * 4} if stride == 2 else {}))
        y = n.conv_norm(squeezed(n, y, "sigmoid", "swish"), out, 1, act=None)
        x = n.op("Add", y, x) if stride == 1 and n.channels[x] == out else y
    x = n.op("Transpose", n.conv_norm(x, 40, 1, act="swish"), perm=[0, 2, 3, 1])
    return n.mean(x, (1, 2))


def densenet(n):
    x = n.pool(n.conv_norm("image", 16, 7, 2), "MaxPool", 3, 2, 1)
    for block in range(2):
        for _ in range(3):
            y = n.conv(n.op("Relu", n.norm(x)), 16, 1)
            x = n.concat(x, n.conv(n.op("Relu", n.norm(y)), 8, 3))
        if block == 0:
            x = n.pool(n.conv(n.op("Relu", n.norm(x)), 16, 1), "AveragePool", 2, 2)
    return n.op("Flatten", n.op("GlobalAveragePool", n.op("Relu", n.norm(x))))


def googlenet(n):
    x = n.pool(n.op("Relu", n.conv("image", 16, 7, 2, bias=True)), "MaxPool", 3, 2)
    x = n.op("LRN", x, size=5, alpha=1e-2, beta=0.75, bias=1.0)
    x = n.op("PRelu", n.conv(x, 24, 3), n.floats(24, 1, 1, spread=0.3))
    x = n.op("Elu", n.op("InstanceNormalization", n.conv(x, 16, 1), n.floats(16), n.floats(16)), alpha=0.7)
    x = n.op("LeakyRelu", n.conv(x, 16, 3, dilations=[2, 2], pads=[2] * 4), alpha=0.2)
    return n.op("Flatten", n.op("GlobalMaxPool", x))


def layer_norm(n, x, width, epsilon=1e-5):
    scale, bias = n.floats(width, spread=0.1, centre=1), n.floats(width, spread=0.1)
    if n.opset >= 17:
        return n.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=epsilon)
    centred = n.op("Sub", x, n.mean(x, (-1,), keepdims=1))
    variance = n.mean(n.op("Pow", centred, n.number(2)), (-1,), keepdims=1)
    centred = n.op("Div", centred, n.op("Sqrt", n.op("Add", variance, n.number(epsilon))))
    return n.op("Add", n.op("Mul", centred, scale), bias)


def gelu(n, x):
    if n.opset >= 20:
        return n.op("Gelu", x)
    if n.opset >= 9:
        y = n.op("Add", n.op("Erf", n.op("Div", x, n.number(2 ** 0.5))), n.number(1))
        return n.op("Mul", n.op("Mul", x, y), n.number(0.5))
    cubed = n.op("Mul", n.op("Pow", x, n.number(3)), n.number(0.044715))
    y = n.op("Tanh", n.op("Mul", n.op("Add", x, cubed), n.number((2 / np.pi) ** 0.5)))
    return n.op("Mul", n.op("Mul", x, n.op("Add", y, n.number(1))), n.number(0.5))


def attention(n, x, tokens, heads, depth, is_joint):
    width = heads * depth
    if is_joint:
        y = n.op("Add", n.op("MatMul", x, n.floats(width, 3 * width, spread=width ** -0.5)), n.floats(3 * width, spread=0.1))
        y = n.op("Transpose", n.op("Reshape", y, n.ints(0, tokens, 3, heads, depth)), perm=[2, 0, 3, 1, 4])
        q, k, v = (n.op("Gather", y, n.constant(np.int64(i)), axis=0) for i in range(3))
    else:
        y = n.op("MatMul", x, n.floats(width, 3 * width, spread=width ** -0.5))
        q, k, v = (n.op("Transpose", n.op("Reshape", part, n.ints(-1, tokens, heads, depth)), perm=[0, 2, 1, 3])
                   for part in n.split(y, 3, width, 2))
    scores = n.op("MatMul", n.op("Mul", q, n.number(depth ** -0.5)), n.op("Transpose", k, perm=[0, 1, 3, 2]))
    y = n.op("MatMul", softmax(n, scores, 4), v)
    y = n.op("Reshape", n.op("Transpose", y, perm=[0, 2, 1, 3]), n.ints(0, 0, -1))
    return n.op("Add", n.op("MatMul", y, n.floats(width, width, spread=width ** -0.5)), n.floats(width, spread=0.1))


def softmax(n, x, rank):
    return n.op("Softmax", x, axis=-1 if n.opset >= 11 else rank - 1)


def vit(n):
    tokens, heads, depth, width = 17, 2, 12, 24
    x = n.op("Reshape", n.conv("image", width, 8, 8, pads=[0] * 4, bias=True), n.ints(0, width, 16))
    x = n.op("Transpose", x, perm=[0, 2, 1])
    batch = n.op("Gather", n.op("Shape", "image"), n.ints(0), axis=0)
    if n.opset >= 8:
        first = n.op("Expand", n.floats(1, 1, width), n.op("Concat", batch, n.ints(1, width), axis=0))
    else:
        first = n.op("Add", n.op("Mul", n.slice(x, [0], [1], [1]), n.number(0)), n.floats(1, 1, width))
    x = n.op("Add", n.op("Concat", first, x, axis=1), n.floats(1, tokens, width, spread=0.1))
    for is_joint in (True, False):
        x = n.op("Add", x, attention(n, layer_norm(n, x, width), tokens, heads, depth, is_joint))
        y = n.op("MatMul", layer_norm(n, x, width), n.floats(width, 2 * width, spread=width ** -0.5))
        y = gelu(n, n.op("Add", y, n.floats(2 * width, spread=0.1)))
        x = n.op("Add", x, n.op("MatMul", y, n.floats(2 * width, width, spread=0.2)))
    return n.squeeze(n.slice(layer_norm(n, x, width), [0], [1], [1]), (1,))


def odds_and_ends(n):
    """Ops that exporters strew about."""
    x = n.pad(n.pad("image", [0, 0, 2, 1, 0, 0, 1, 2], mode="reflect"), [0, 0, 1, 0, 0, 0, 0, 1], mode="edge")
    x = n.pool(n.pad(x, [0, 0, 1, 1, 0, 0, 1, 1], value=0.5), "AveragePool", 3, 2, 1, count_include_pad=1)
    n.channels[x] = 3
    x = n.op("DepthToSpace", n.conv(x, 16, 3), blocksize=2)
    n.channels[x] = 4
    weights = n.floats(4, 5, 3, 3, spread=0.2)
    x = n.op("ConvTranspose", x, weights, strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    limits = [n.number(-0.5), n.number(0.5)] if n.opset >= 8 else [n.op("Mul", x, n.number(0)), n.op("Neg", x)]
    a, b = n.op("Max", x, limits[0]), n.op("Min", x, limits[1])
    x = n.op("Sum", n.op("Softplus", a), n.op("Selu", b), n.op("Exp", n.op("Neg", n.op("Abs", x))))
    x = n.op("Tile", n.unsqueeze(n.reduce("ReduceMax", x, (1,)), (1,)), n.ints(1, 2, 1, 1))
    x = n.op("Div", n.op("Log", n.op("Add", n.op("Mul", x, x), n.number(1))), n.op("Sqrt", n.op("Add", n.op("Abs", x), n.number(1))))
    return n.reduce("ReduceL2", x, (3,))


NETWORKS = {f.__name__: f for f in (vgg, resnet, inception, squeezenet, mobilenet_v1, mobilenet_v2, mobilenet_v3, efficientnet,
                                    densenet, googlenet, vit, odds_and_ends)}


def build(name, opset):
    shape = (None, 32, 32, 3) if name == "efficientnet" else (None, 3, 32, 32)
    net = Net(opset, inputs=(("image", shape),))
    return net.model(NETWORKS[name](net)), shape
