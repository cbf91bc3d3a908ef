"""What is measured. A new network is one line here (and its maker in networks.py, where it has no file); a new peer is one line and
one file of bench/engines/ (see peer.py)."""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    file: str  # below the shared folder, below the repository with "./", or "" where networks.py makes it
    size: int  # input, width and height
    mean: float
    scale: float
    resize: str  # "tf1": TensorFlow 1's bilinear; "pillow"
    decoy: bool = False  # random weights: integers of eight bits lose more on them than on a trained network


NETWORKS = [
    Network("inception_v3", "models/inception_v3_2015.onnx", 299, 128, 0.0078125, "tf1"),
    Network("mobilenet_v2", "", 224, 127.5, 1 / 127.5, "pillow", True),
    Network("resnet50", "", 224, 127.5, 1 / 127.5, "pillow", True),
    Network("sprout", "./backbones/sprout.onnx", 112, 128, 0.015625, "pillow"),
]
QUICK = ["inception_v3"]

# Title, file of bench/engines/ without its ending, and what it runs. The first is what the others are compared with.
ENGINES = [
    ("topwork", "topwork", ("f32", "bf16", "int8")),
    ("ONNX Runtime", "onnx_runtime", ("f32", "int8")),
    ("OpenVINO", "openvino_cpu", ("f32", "bf16", "int8")),
    ("TensorFlow", "tensorflow_cpu", ("f32",)),
]
PRECISIONS = ("f32", "bf16", "int8")
BATCHES = (1, 8)

# Least cosine of embeddings to the reference (ONNX Runtime, f32, on the pixels that the policy asks for).
COSINES = {"f32": 0.9999, "bf16": 0.999, "int8": 0.97}
DECOY_COSINES = {"f32": 0.9999, "bf16": 0.99, "int8": 0.8}
