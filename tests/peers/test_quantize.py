"""What `backbone quantize` writes runs in ONNX Runtime too, with close results."""
import pathlib

import numpy as np
import onnxruntime
from run_graph import cosine, run_graph


def test_a_quantised_network_gives_onnx_runtime_s_embedding(topwork, tmp_path):
    photos = pathlib.Path(__file__).resolve().parents[2] / "examples" / "hugs" / "photos" / "hugs"
    topwork("backbone", "quantize", "sprout", "-o", tmp_path / "q.onnx", "--calibrate", photos, "--threads", "1", "-q")
    session = onnxruntime.InferenceSession(tmp_path / "q.onnx", providers=["CPUExecutionProvider"])
    image = np.random.default_rng(3).uniform(-1, 1, (1, 3, 112, 112)).astype(np.float32)
    name = session.get_outputs()[0].name
    should = session.run([name], {session.get_inputs()[0].name: image})[0]
    assert cosine(run_graph(tmp_path / "q.onnx", [image], name)[name], should) > 0.999
