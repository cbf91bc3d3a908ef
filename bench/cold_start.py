"""From nothing to the first prediction: a process that loads a model, reads one photo, prints scores, and ends. For the peers'
Python: cold_start.py MODEL PHOTO SIZE MEAN SCALE."""
import sys

import numpy as np
import onnxruntime
from PIL import Image

model, photo, size, mean, scale = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
with Image.open(photo) as image:
    small = image.convert("RGB").resize((int(size), int(size)), Image.BILINEAR)
pixels = (np.asarray(small, np.float32) - np.float32(mean)) * np.float32(scale)
print(session.run(["scores"], {session.get_inputs()[0].name: np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])})[0])
