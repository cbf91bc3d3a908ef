#!/usr/bin/env python3
"""What bf16 and int8 cost a head: the accuracy of `topwork train` on embeddings of each precision, mean over several splits of a folder of
photos into halves to learn and to test. The int8 network is made by `topwork backbone quantize`, from the first split's half to learn,
without labels.

    bench/precision.py --topwork build/topwork --photos ../shared/data/flowers/photos --backbone ../shared/models/inception_v3_2015.onnx
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile


def split(photos, seed):
    """Halves, class by class."""
    learn, test = [], []
    for folder in sorted(p for p in photos.iterdir() if p.is_dir()):
        files = sorted(f for f in folder.iterdir() if f.suffix.lower() in (".jpg", ".jpeg", ".png"))
        random.Random(f"{seed} {folder.name}").shuffle(files)
        learn += [(f, folder.name) for f in files[::2]]
        test += [(f, folder.name) for f in files[1::2]]
    return learn, test


def write(path, rows):
    path.write_text("".join(f'"{file.resolve()}",{label}\n' for file, label in rows))
    return path


def run(*words):
    return subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, text=True).stdout


def accuracy(arguments, folder, seed, backbone, precision):
    learn, test = split(arguments.photos, seed)
    out = folder / f"{precision}-{seed}"
    run(arguments.topwork, "train", write(folder / f"{seed}-learn.csv", learn), "--eval", write(folder / f"{seed}-test.csv", test), "--backbone", backbone,
        "--precision", precision, "--recipe", arguments.recipe, "--seed", seed, "--ignore-exif", "-q", "-o", out)
    return 100 * json.loads((out / "metrics.json").read_text())["accuracy"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--topwork", type=pathlib.Path, default=pathlib.Path("build/topwork"))
    parser.add_argument("--photos", type=pathlib.Path, required=True)
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--recipe", default="auto")
    parser.add_argument("--method", default="mse")
    parser.add_argument("--int8", help="a network that is quantised already")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        whole = arguments.int8 or folder / "int8.onnx"
        if not arguments.int8:
            print(run(arguments.topwork, "backbone", "quantize", arguments.backbone, "-o", whole, "--method", arguments.method, "--calibrate",
                      write(folder / "calibration.csv", split(arguments.photos, 1)[0]), "-q").strip())
        results = {}
        for precision, backbone in ("f32", arguments.backbone), ("bf16", arguments.backbone), ("int8", whole):
            found = [accuracy(arguments, folder, seed, backbone, precision) for seed in range(1, arguments.splits + 1)]
            results[precision] = statistics.mean(found)
            print(f"{precision}: {results[precision]:.2f} % ({', '.join(f'{a:.2f}' for a in found)}), {results[precision] - results['f32']:+.2f} to f32", flush=True)


if __name__ == "__main__":
    main()
