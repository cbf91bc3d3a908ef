"""The real Inception v3 beside ONNX Runtime on real photos' pixels."""
import numpy as np
import onnxruntime
import pytest
from PIL import Image

from run_graph import cosine, difference, run_graph

PHOTOS = 3


def pixels(path):
    """Any preparation does, as long as both networks get the same numbers."""
    image = np.asarray(Image.open(path).convert("RGB").resize((299, 299), Image.BILINEAR), np.float32)
    return ((image - 128) * 0.0078125).transpose(2, 0, 1)


@pytest.fixture(scope="module")
def images(flowers):
    paths = sorted((flowers / "photos").glob("*/*.jpg"))
    if len(paths) < 100:
        pytest.skip(f"there are no photos in {flowers}/photos")
    return np.stack([pixels(path) for path in paths[:: len(paths) // PHOTOS][:PHOTOS]])


@pytest.fixture(scope="module")
def expected(inception, images):
    session = onnxruntime.InferenceSession(str(inception), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0]


def test_inception_equals_onnx_runtime(inception, images, expected):
    (got,) = run_graph(inception, [images]).values()
    assert got.shape == expected.shape == (PHOTOS, 2048)
    for ours, right in zip(got, expected):
        assert cosine(ours, right) >= 0.99999
        assert difference(ours, right) <= 1e-4


def test_inception_gives_each_photo_its_bits_whatever_the_batch_and_the_threads(inception, images):
    (alone,) = run_graph(inception, [images[1:2]]).values()
    (together,) = run_graph(inception, [images], threads=2).values()
    assert np.array_equal(alone[0], together[1])
