"""Is what topwork says about itself true? On the embeddings of flower_photos, run with the peers' Python (`tools/peers`):

    python bench/insight.py curve        the gain that a learning curve promises of twice the examples, and the gain that they bring
    python bench/insight.py calibration  scores as learnt, by one temperature, and by a scale and a shift a class (vector scaling)
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np

import heads


def all_rows():
    train, held = heads.read(heads.FLOWERS / "train-*.gz"), heads.read(heads.FLOWERS / "eval-*.gz")
    return train[0] + held[0], np.vstack([train[1], held[1]]), np.concatenate([train[2], held[2]])


def save(path, rows, chosen):
    keys, embeddings, labels = rows
    chosen = np.sort(chosen)
    heads.write(path, [keys[i] for i in chosen], embeddings[chosen], labels[chosen])
    return str(path)


def train(train_file, eval_file, run, *more):
    subprocess.run([heads.TOPWORK, "train", train_file, "--eval", eval_file, "-o", run, "--force", "-q", *more], check=True)
    return json.loads((pathlib.Path(run) / "metrics.json").read_text())


def curve(options):
    rows = all_rows()
    found = []
    for size in options.sizes:
        for seed in options.seeds:
            order = np.random.default_rng(seed).permutation(len(rows[0]))
            with tempfile.TemporaryDirectory() as folder:
                held = save(f"{folder}/held.tfrecord.gz", rows, order[2 * size :])
                small = train(save(f"{folder}/small.tfrecord.gz", rows, order[:size]), held, f"{folder}/run")
                large = train(save(f"{folder}/large.tfrecord.gz", rows, order[: 2 * size]), held, f"{folder}/run", "--learning-curve", "never")
            law = small["learning_curve"]
            found.append((size, law["gain_of_twice_as_many"], *law["interval"], large["accuracy"] - small["accuracy"], large["count"]))
            print(f"{size} examples, seed {seed}: promised {100 * found[-1][1]:+.2f} ({100 * found[-1][2]:.2f} to {100 * found[-1][3]:.2f}), came {100 * found[-1][4]:+.2f}", flush=True)
    print("\n| examples | promised | came | inside the interval |\n|---|---|---|---|")
    for size in options.sizes:
        of_size = [row for row in found if row[0] == size]
        inside = sum(low <= came <= high for _, _, low, high, came, _ in of_size)
        print(f"| {size} to {2 * size} | {100 * np.mean([r[1] for r in of_size]):+.2f} | {100 * np.mean([r[4] for r in of_size]):+.2f} | {inside} of {len(of_size)} |")


def log_softmax(logits):
    logits = logits - logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def judge(logits, truth):
    """Log loss and expected calibration error (15 bins)."""
    scores = log_softmax(logits)
    confidence, right = np.exp(scores.max(1)), scores.argmax(1) == truth
    bins = np.clip(np.ceil(confidence * 15) - 1, 0, 14).astype(int)
    error = sum(abs(confidence[bins == b].sum() - right[bins == b].sum()) for b in range(15)) / len(truth)
    return -scores[np.arange(len(truth)), truth].mean(), error


def fit(logits, truth, is_vector):
    """Scale (one, or one a class) and shift (none, or one a class) with the least log loss."""
    from scipy.optimize import minimize

    classes = logits.shape[1]

    def apply(p, x):
        return x * np.exp(p[:classes]) + p[classes:] if is_vector else x * np.exp(p[0])

    start = np.zeros(2 * classes if is_vector else 1)
    best = minimize(lambda p: judge(apply(p, logits), truth)[0], start, method="BFGS").x
    return lambda x: apply(best, x)


def logits_of(model, embeddings):
    """Logits of a head-only model in ONNX Runtime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {session.get_inputs()[0].name: embeddings})[0].astype(float)


def calibration(options):
    rows = all_rows()
    table = {}
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(rows[0]))
        held, taught = np.sort(order[:367]), order[367:]
        for recipe in options.recipes:
            with tempfile.TemporaryDirectory() as folder:
                file = save(f"{folder}/held.tfrecord.gz", rows, held)
                more = ("--recipe", recipe, "--learning-curve", "never", "--seed", str(seed))
                metrics = train(save(f"{folder}/train.tfrecord.gz", rows, taught), file, f"{folder}/run", *more)
                undone = metrics["calibration"]["temperature"] if metrics.get("calibration") else 1
                logits = logits_of(f"{folder}/run/model.onnx", rows[1][held]) * undone
                out, truth = [], []
                for fold in np.array_split(taught, options.folds):
                    rest = np.setdiff1d(taught, fold)
                    metrics = train(save(f"{folder}/part.tfrecord.gz", rows, rest), file, f"{folder}/part", *more)
                    of_part = metrics["calibration"]["temperature"] if metrics.get("calibration") else 1
                    out.append(logits_of(f"{folder}/part/model.onnx", rows[1][fold]) * of_part)
                    truth.append(rows[2][fold])
            out, truth = np.vstack(out), np.concatenate(truth)
            ways = {"as learnt": lambda x: x, "temperature, by folds": fit(out, truth, False), "vector scaling, by folds": fit(out, truth, True),
                    "topwork's": lambda x: x / undone}
            for way, apply in ways.items():
                table.setdefault((recipe, way), []).append(judge(apply(logits), rows[2][held]))
            print(f"seed {seed}, {recipe}: topwork's temperature {undone:.3f}", flush=True)
    print("\n| recipe | scores | log loss | expected calibration error |\n|---|---|---|---|")
    for (recipe, way), values in table.items():
        loss, error = np.mean(values, 0)
        print(f"| {recipe} | {way} | {loss:.4f} | {100 * error:.2f} points |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["curve", "calibration"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 400, 800, 1600])
    parser.add_argument("--recipes", nargs="+", default=["workshop", "auto"])
    parser.add_argument("--folds", type=int, default=5)
    options = parser.parse_args()
    {"curve": curve, "calibration": calibration}[options.what](options)


if __name__ == "__main__":
    main()
