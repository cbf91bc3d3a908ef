"""What topwork's engine makes of a network and given numbers, by the tests' own program beside the build."""
import os
import pathlib
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = pathlib.Path(os.environ.get("TOPWORK", ROOT / "build" / "topwork")).parent / "tests" / "tools" / "run-graph"


def run_graph(model, inputs, tensors="-", by="engine", threads=1):
    """Outputs by name. `tensors`: where the network is cut."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = []
        for i, array in enumerate(inputs):
            path = pathlib.Path(folder) / str(i)
            np.ascontiguousarray(array, np.float32).tofile(path)
            pairs += [",".join(map(str, array.shape)), path]
        done = subprocess.run([PROGRAM, by, str(threads), model, tensors, *pairs], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    outputs, out, at = {}, done.stdout, 0
    while at < len(out):
        end = out.index(b"\n", at)
        name, dims = out[at:end].decode().rsplit(" ", 1)
        shape = [int(d) for d in dims.split(",") if d]
        count = int(np.prod(shape))
        outputs[name] = np.frombuffer(out, np.float32, count, end + 1).reshape(shape)
        at = end + 1 + 4 * count
    return outputs


def difference(a, b):
    """Length of the difference as a share of b's length."""
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def cosine(a, b):
    a, b = np.asarray(a, np.float64).ravel(), np.asarray(b, np.float64).ravel()
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
