"""What a measurement needs and is made once, into a cache: inputs as the policy asks for them, ONNX Runtime's embeddings of them, and
OpenVINO's model of eight bits by NNCF. For the peers' Python: prepare.py JSON with model, size, mean, scale, resize, photos, folder."""
import json
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np


def decode(path, job):
    import tensorflow as tf
    from PIL import Image

    image = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
    if job["resize"] == "tf1":
        small = tf.compat.v1.image.resize_bilinear(tf.cast(image, tf.float32)[None], [job["size"]] * 2)[0].numpy()
    else:
        small = np.asarray(Image.fromarray(image.numpy()).resize((job["size"], job["size"]), Image.BILINEAR), np.float32)
    return ((small - np.float32(job["mean"])) * np.float32(job["scale"])).transpose(2, 0, 1)


def main():
    job = json.loads(sys.argv[1])
    folder = pathlib.Path(job["folder"])
    import nncf
    import onnxruntime
    import openvino

    tensors = np.stack([decode(path, job) for path in job["photos"]])
    session = onnxruntime.InferenceSession(job["model"], providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    reference = np.concatenate([session.run(["embedding"], {name: tensor[None]})[0] for tensor in tensors[:job["compared"]]])
    core = openvino.Core()
    model = core.read_model(job["model"])
    model.reshape({0: [1, 3, job["size"], job["size"]]})
    narrow = nncf.quantize(model, nncf.Dataset([tensor[None] for tensor in tensors]), subset_size=len(tensors))
    openvino.save_model(narrow, folder / "openvino-int8.xml", compress_to_fp16=False)
    np.save(folder / "tensors.npy", tensors[:job["compared"]])
    tensors[:job["compared"]].tofile(folder / "tensors.f32")
    np.save(folder / "reference.npy", reference)
    (folder / "versions.json").write_text(json.dumps({"NNCF": nncf.__version__}))


if __name__ == "__main__":
    main()
