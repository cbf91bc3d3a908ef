#!/usr/bin/env python3
"""Decodes the photo pool and computes what the teachers say of it.

  prepare.py --shared ../shared --work tools/distil/work

Writes to the work folder: photos.npy (uint8 [n,128,128,3]), inception.npy (float16 [n,2,2048]: as it is, and mirrored), mobilenet.npy
(float16 [n,1280]), mobilenet_logits.npy (float16 [n,1001]). What is there already is kept, so a broken run goes on.
"""
import argparse
import io
import os
import tarfile

import numpy as np
from PIL import Image

POOL = ("flowers", "caltech101", "pets", "animals", "catsdogs", "imagenet", "trash")


def save(path, values):
    """Whole or not at all."""
    with open(path + ".part", "wb") as file:
        np.save(file, values)
    os.replace(path + ".part", path)


def read_pool(shared):
    photos = []
    for name in POOL:
        with tarfile.open(f"{shared}/data/pool/{name}.tar") as tar:
            for member in sorted((m for m in tar.getmembers() if m.isfile()), key=lambda m: m.name):
                if not member.name.lower().endswith((".jpg", ".jpeg", ".png")):
                    continue
                image = Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB")
                photos.append(np.asarray(image.resize((128, 128), Image.BILINEAR), np.uint8))
    return np.stack(photos)


def teacher(path, bf16):
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({0: [1, 3, 299, 299]})
    hints = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "bf16" if bf16 else "f32"}
    return core.compile_model(model, "CPU", hints)


def inception(photos, model_path, out_path, bf16):
    """Mean and mirrored view in separate rows; done in blocks so that a broken run goes on."""
    import openvino

    compiled = teacher(model_path, bf16)
    shape = (len(photos), 2, 2048)
    done_path = out_path + ".done"
    fresh = not os.path.exists(out_path)
    out = np.lib.format.open_memmap(out_path, "w+" if fresh else "r+", np.float16, shape)
    done = 0 if fresh or not os.path.exists(done_path) else int(open(done_path).read())
    views = [(i, view) for view in range(2) for i in range(len(photos))]
    queue = openvino.AsyncInferQueue(compiled)

    def store(request, where):
        out[where] = request.get_output_tensor(0).data[0].astype(np.float16)

    queue.set_callback(store)
    for position in range(done, len(views)):
        i, view = views[position]
        photo = photos[i][:, ::-1] if view else photos[i]
        image = np.asarray(Image.fromarray(photo).resize((299, 299), Image.BILINEAR), np.float32)
        queue.start_async({0: ((image - 128) / 128).transpose(2, 0, 1)[None].copy()}, (i, view))
        if position % 500 == 499:
            queue.wait_all()
            out.flush()
            with open(done_path, "w") as f:
                f.write(str(position + 1))
            print(f"inception {position + 1}/{len(views)}", flush=True)
    queue.wait_all()
    out.flush()
    with open(done_path, "w") as f:
        f.write(str(len(views)))


def mobilenet(photos, model_path, pool_path, logits_path):
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path, num_threads=2, experimental_preserve_all_tensors=True)
    interpreter.allocate_tensors()
    image = interpreter.get_input_details()[0]["index"]
    logits = interpreter.get_output_details()[0]
    details = [t for t in interpreter.get_tensor_details() if list(t["shape"]) in ([1, 1, 1, 1280], [1, 1280])]
    pool = max(details, key=lambda t: t["index"] if "AvgPool" in t["name"] else -1)
    features, outputs = [], []
    for i, photo in enumerate(photos):
        big = np.asarray(Image.fromarray(photo).resize((224, 224), Image.BILINEAR), np.uint8)
        interpreter.set_tensor(image, big[None])
        interpreter.invoke()
        for tensor, rows in ((pool, features), (logits, outputs)):
            scale, zero = tensor["quantization"]
            rows.append(((interpreter.get_tensor(tensor["index"]).astype(np.float32).ravel() - zero) * scale).astype(np.float16))
        if i % 1000 == 999:
            print(f"mobilenet {i + 1}/{len(photos)}", flush=True)
    save(logits_path, np.stack(outputs))
    save(pool_path, np.stack(features))  # last: main() takes it as the sign that both are there


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", default=os.environ.get("TOPWORK_SHARED", "../shared"))
    parser.add_argument("--work", default="tools/distil/work")
    parser.add_argument("--f32", action="store_true", help="teachers in f32 also where the CPU has bf16")
    args = parser.parse_args()
    os.makedirs(args.work, exist_ok=True)
    at = lambda name: os.path.join(args.work, name)
    if not os.path.exists(at("photos.npy")):
        save(at("photos.npy"), read_pool(args.shared))
    photos = np.load(at("photos.npy"), mmap_mode="r")
    print(f"{len(photos)} photos", flush=True)
    if not os.path.exists(at("mobilenet.npy")):
        mobilenet(photos, f"{args.shared}/models/mobilenet_v2_1.0_224_quant.tflite", at("mobilenet.npy"), at("mobilenet_logits.npy"))
    inception(photos, f"{args.shared}/models/inception_v3_2015.onnx", at("inception.npy"), not args.f32)


if __name__ == "__main__":
    main()
