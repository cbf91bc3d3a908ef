"""What is measured: networks, photos, and which engines run them. A new network, precision or peer is one line here.

A peer is also one file of bench/engines/ (see there for what it is given and what it answers).
"""
import dataclasses


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    file: str  # below the shared folder, or below the repository with "./"
    size: int  # input, width and height
    mean: float
    scale: float
    warm_photos: int  # measured is the time of all photos less the time of these
    photos: int


@dataclasses.dataclass(frozen=True)
class Case:
    network: str
    precision: str
    threads: int


NETWORKS = [
    Network("inception_v3", "models/inception_v3_2015.onnx", 299, 128, 0.0078125, 24, 120),
    Network("sprout", "./backbones/sprout.onnx", 112, 128, 0.015625, 60, 600),
]

CASES = [
    Case("inception_v3", "f32", 1),
    Case("inception_v3", "f32", 2),
    Case("sprout", "f32", 1),
    Case("sprout", "f32", 2),
]

# Title and file of bench/engines/. The first is what the others are compared with.
ENGINES = [("topwork", "topwork"), ("ONNX Runtime", "onnx_runtime")]
