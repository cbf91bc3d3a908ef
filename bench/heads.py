"""Accuracy and wall time of heads on fixed embeddings. Called by bench/heads."""
import argparse
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPWORK = os.environ.get("TOPWORK", ROOT / "build/topwork")
FLOWERS = pathlib.Path(os.environ.get("TOPWORK_SHARED", ROOT.parent / "shared")) / "data/flowers"


def read(pattern):
    """Keys, embeddings and labels of TFRecord files, in the order of keys."""
    import tensorflow as tf

    rows = []
    for file in sorted(glob.glob(str(pattern))):
        for record in tf.data.TFRecordDataset(file, compression_type="GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            rows.append((feature["image_uri"].bytes_list.value[0].decode(),
                         np.array(feature["embedding"].float_list.value, np.float32), feature["label"].int64_list.value[0]))
    rows.sort(key=lambda row: row[0])
    return [row[0] for row in rows], np.array([row[1] for row in rows]), np.array([row[2] for row in rows])


def write(path, keys, embeddings, labels):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for key, embedding, label in zip(keys, embeddings, labels):
            writer.write(tf.train.Example(features=tf.train.Features(feature={
                "image_uri": tf.train.Feature(bytes_list=tf.train.BytesList(value=[key.encode()])),
                "embedding": tf.train.Feature(float_list=tf.train.FloatList(value=embedding)),
                "label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            })).SerializeToString())


def topwork(train, evaluation, run, recipe, *more):
    subprocess.run([TOPWORK, "train", train, "--eval", evaluation, "-o", run, "--recipe", recipe, "--force", "-q", *more],
                   check=True)
    metrics = json.loads((pathlib.Path(run) / "metrics.json").read_text())
    return metrics["accuracy"], metrics["recipe"]


def root(x):
    return np.sqrt(np.maximum(x, 0))


def unit_root(x):
    return root(x) / np.maximum(np.linalg.norm(root(x), axis=1, keepdims=True), 1e-12)


def lda(x, y, x_eval, y_eval):
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    return LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(root(x), y).score(root(x_eval), y_eval)


def svm(x, y, x_eval, y_eval):
    from sklearn.svm import SVC

    return SVC(C=10, gamma=2).fit(unit_root(x), y).score(unit_root(x_eval), y_eval)


def logistic(x, y, x_eval, y_eval):
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=0.01, max_iter=1000).fit(x, y).score(x_eval, y_eval)


def keras_head(classes):
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((2048,)), layers.Dense(512, "relu"), layers.Dropout(0.5),
                                 layers.Dense(classes, "softmax")])
    model.compile(tf.keras.optimizers.Adam(1e-3, epsilon=1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def keras(x, y, x_eval, y_eval):
    import tensorflow as tf

    model = keras_head(int(y.max()) + 1)
    batches = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=0).repeat().batch(100)
    model.fit(batches, steps_per_epoch=1000, epochs=1, verbose=0)
    return model.evaluate(x_eval, y_eval, verbose=0)[1]


RIVALS = {"shrinkage LDA (0.3) on square roots": lda, "RBF SVM on normalised square roots (C 10, gamma 2)": svm,
          "LogisticRegression (C 0.01)": logistic, "Keras, the workshop recipe": keras}


def splits(options):
    train, held = read(FLOWERS / "train-*.gz"), read(FLOWERS / "eval-*.gz")
    keys = train[0] + held[0]
    embeddings, labels = np.vstack([train[1], held[1]]), np.concatenate([train[2], held[2]])
    results = {"auto": [], **{name: [] for name in RIVALS}}
    for seed in options.seeds:
        order = np.random.default_rng(seed).permutation(len(keys))
        sides = {"eval": np.sort(order[:367]), "train": np.sort(order[367:])}
        with tempfile.TemporaryDirectory() as folder:
            paths = {side: f"{folder}/{side}.tfrecord.gz" for side in sides}
            for side, rows in sides.items():
                write(paths[side], [keys[i] for i in rows], embeddings[rows], labels[rows])
            accuracy, recipe = topwork(paths["train"], paths["eval"], f"{folder}/run", "auto")
        results["auto"].append(accuracy)
        print(f"seed {seed}: auto {accuracy:.4f},", " + ".join(f"{c['head']} on {c['of']}" for c in recipe["chosen"]), flush=True)
        for name, rival in RIVALS.items():
            if name.startswith("Keras") and options.without_keras:
                continue
            data = (embeddings[sides["train"]], labels[sides["train"]], embeddings[sides["eval"]], labels[sides["eval"]])
            results[name].append(rival(*data))
    print("\n| | mean | splits |\n|---|---|---|")
    for name, values in results.items():
        if values:
            print(f"| {name} | {np.mean(values):.4f} | {' '.join(f'{value:.4f}' for value in values)} |")


def keras_workshop(folder):
    """The workshop's recipe from record files to a saved model: 1000 steps, an evaluation and a checkpoint every 100."""
    import tensorflow as tf

    start = time.perf_counter()
    kinds = {"embedding": tf.io.FixedLenFeature([2048], tf.float32), "label": tf.io.FixedLenFeature([], tf.int64)}

    def records(side):
        files = sorted(map(str, FLOWERS.glob(f"{side}-*.tfrecord.gz")))
        raw = tf.data.TFRecordDataset(files, compression_type="GZIP", num_parallel_reads=tf.data.AUTOTUNE)
        parsed = raw.batch(100).map(lambda batch: tf.io.parse_example(batch, kinds), num_parallel_calls=tf.data.AUTOTUNE)
        return parsed.map(lambda example: (example["embedding"], example["label"])).unbatch().cache()

    model = keras_head(5)
    batches = records("train").shuffle(3303, seed=0).repeat().batch(100).prefetch(tf.data.AUTOTUNE)
    keep = tf.keras.callbacks.ModelCheckpoint(f"{folder}/checkpoint.weights.h5", save_weights_only=True)
    fitted = model.fit(batches, steps_per_epoch=100, epochs=10, validation_data=records("eval").batch(100), verbose=0, callbacks=[keep])
    model.save(f"{folder}/model.keras")
    return {"accuracy": fitted.history["val_accuracy"][-1], "seconds": time.perf_counter() - start}


def objective(x, y, weights, bias, inverse_c):
    """Sum of cross entropies and the penalty, as both programs have them."""
    from scipy.special import logsumexp

    logits = x.astype(np.float64) @ weights.astype(np.float64) + bias.astype(np.float64)
    return np.sum(logsumexp(logits, axis=1) - logits[np.arange(len(y)), y]) + np.square(weights.astype(np.float64)).sum() * inverse_c / 2


def scikit_learn_logistic(folder):
    """One fit, on the square roots in f32, with the loosest tolerance that comes to the objective that is asked for."""
    from sklearn.linear_model import LogisticRegression

    data = np.load(f"{folder}/data.npz")
    x, y, c, wanted = data["x"], data["y"], float(data["c"]), float(data["objective"])
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6):
        start, cpu = time.perf_counter(), time.process_time()
        model = LogisticRegression(C=c, tol=tolerance, max_iter=1000).fit(x, y)
        spent, cpu = time.perf_counter() - start, time.process_time() - cpu
        reached = objective(x, y, model.coef_.T, model.intercept_, 1 / c)
        if reached <= wanted * (1 + 1e-5):
            break
    return {"seconds": spent, "cpu": cpu, "objective": reached, "tolerance": tolerance}


def scikit_learn_search(folder):
    """The heads, grids and folds of `auto`, by GridSearchCV, without a last fit."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.neighbors import NearestCentroid

    data = np.load(f"{folder}/data.npz")
    x, y, spent = data["embeddings"], data["y"], {}
    start, cpu = time.perf_counter(), time.process_time()
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    targets = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    for name, features in (("embeddings", x), ("square roots", root(x)), ("unit square roots", unit_root(x))):
        spread = np.square(features - features.mean(axis=0)).sum(axis=1).mean()
        searches = []
        if name == "square roots":
            searches.append((LogisticRegression(max_iter=1000), {"C": [s / spread for s in (1, 4, 15)]}, y))
        if name != "unit square roots":
            searches.append((LinearDiscriminantAnalysis(solver="lsqr"), {"shrinkage": [0.1, 0.3, 0.5, 0.8]}, y))
        else:
            searches.append((KernelRidge(kernel="rbf"), {"gamma": [g / (2 * spread) for g in (0.5, 1, 2)],
                                                         "alpha": [0.05, 0.15, 0.5]}, targets))
        if name != "embeddings":
            searches.append((NearestCentroid(), {"metric": ["euclidean"]}, y))
        for model, grid, truth in searches:
            began = time.perf_counter()
            GridSearchCV(model, grid, cv=folds, refit=False).fit(features, truth)
            spent[f"{type(model).__name__} on {name}"] = round(time.perf_counter() - began, 2)
    return {"seconds": time.perf_counter() - start, "cpu": time.process_time() - cpu, "parts": spent}


PEERS = {"keras": keras_workshop, "logistic": scikit_learn_logistic, "search": scikit_learn_search}


def timed(command, **more):
    """Wall and CPU seconds of a child, and what it printed."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, **more)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        if process.returncode:
            raise SystemExit(f"{command[0]}: exit {process.returncode}")
        return seconds, usage.ru_utime + usage.ru_stime, output.read()


def run_peer(name, folder):
    seconds, cpu, output = timed([sys.executable, __file__, "peer", name, str(folder)], stderr=subprocess.DEVNULL)
    return {"process": seconds, "process_cpu": cpu, **json.loads(output.decode().splitlines()[-1])}


def run_topwork(recipe, folder):
    files, run = sorted(glob.glob(str(FLOWERS / "train-*.gz"))), f"{folder}/{recipe}"
    shutil.rmtree(run, ignore_errors=True)  # or the run would find its own checkpoints
    seconds, cpu, _ = timed([TOPWORK, "train", *files, "--eval", str(FLOWERS / "eval-00000-of-00001.tfrecord.gz"), "-o", run, "--recipe",
                             recipe, "-q"])
    metrics = json.loads((pathlib.Path(run) / "metrics.json").read_text())
    return {"process": seconds, "process_cpu": cpu, "accuracy": metrics["accuracy"]}


def tell(what, ours, theirs, our_key, their_key):
    wall = [b[their_key] / a[our_key] for a, b in zip(ours, theirs)]
    cpu = [b["cpu" if their_key == "seconds" and "cpu" in b else "process_cpu"] / a["process_cpu"] for a, b in zip(ours, theirs)]
    print(f"| {what} | {np.median([a[our_key] for a in ours]):.2f} s | {np.median([b[their_key] for b in theirs]):.2f} s | "
          f"{np.median(wall):.1f} ({min(wall):.1f} to {max(wall):.1f}) | {np.median(cpu):.1f} |", flush=True)


def fit_one_logistic(folder, x, y, strength):
    """topwork's fit of one head by build/tests/tools/fit-head: reading, centring, fit and logits, all in its time."""
    with open(f"{folder}/in", "wb") as file:
        file.write(x.astype(np.float32).tobytes() + y.astype(np.int64).tobytes())
    classes, width = int(y.max()) + 1, x.shape[1]
    with open(f"{folder}/in", "rb") as file:
        seconds, cpu, output = timed([pathlib.Path(TOPWORK).parent / "tests/tools/fit-head", "logistic regression", "0", str(strength), "0",
                                      str(len(y)), str(width), str(classes)], stdin=file)
    numbers = np.frombuffer(output, np.float32)[len(y) * classes:]
    return {"process": seconds, "process_cpu": cpu}, numbers[:width * classes].reshape(width, classes), numbers[width * classes:]


def speed_of_logistic(folder, embeddings, y, rounds):
    x = root(embeddings)
    spread = float(np.square(x - x.mean(axis=0)).sum(axis=1).mean())
    ours, theirs = [], []
    for _ in range(rounds):
        spent, weights, bias = fit_one_logistic(folder, x, y, 4)
        value = objective(x, y, weights, bias, spread / 4)
        np.savez(f"{folder}/data.npz", x=x, y=y, c=4 / spread, objective=value)
        ours.append(spent)
        theirs.append(run_peer("logistic", folder))
    tell("one logistic regression, to the same objective; scikit-learn: fit alone", ours, theirs, "process", "seconds")
    return f"Objective: topwork {value:.4f}, scikit-learn {theirs[-1]['objective']:.4f} (tol {theirs[-1]['tolerance']:g})."


def speed_of_workshop(folder, _embeddings, _labels, rounds):
    ours, theirs = zip(*[(run_topwork("workshop", folder), run_peer("keras", folder)) for _ in range(rounds)])
    tell("`workshop`; Keras, whole process", ours, theirs, "process", "process")
    tell("`workshop`, whole process; Keras without start and imports", ours, theirs, "process", "seconds")
    return f"Accuracy: workshop {ours[0]['accuracy']:.4f}, Keras {theirs[0]['accuracy']:.4f}."


def speed_of_auto(folder, embeddings, y, rounds):
    np.savez(f"{folder}/data.npz", embeddings=embeddings, y=y)
    ours, theirs = zip(*[(run_topwork("auto", folder), run_peer("search", folder)) for _ in range(max(rounds - 1, 1))])
    tell("`auto`, whole process; GridSearchCV without start and imports", ours, theirs, "process", "seconds")
    return f"GridSearchCV, seconds: {', '.join(f'{name} {value}' for name, value in theirs[0]['parts'].items())}."


SPEEDS = {"workshop": speed_of_workshop, "logistic": speed_of_logistic, "auto": speed_of_auto}


def speed(options):
    _, embeddings, y = read(FLOWERS / "train-*.gz")
    notes = []
    print("| | topwork | the other | ratio (rounds) | by CPU time |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for part in options.parts:
            notes.append(SPEEDS[part](folder, embeddings, y, options.rounds))
    print("\n" + " ".join(notes))


def photos(options):
    from sklearn.linear_model import LogisticRegressionCV

    folder = pathlib.Path(options.records)
    _, x, y = read(folder / "train-*.gz")
    _, x_eval, y_eval = read(folder / "eval-*.gz")
    with tempfile.TemporaryDirectory() as run:
        subprocess.run([TOPWORK, "train", folder, "-o", run, "--recipe", "auto", "--force", "-q"], check=True)
        metrics = json.loads((pathlib.Path(run) / "metrics.json").read_text())
    rival = LogisticRegressionCV(Cs=np.logspace(-4, 1, 11), cv=5, max_iter=2000).fit(x, y)
    print(f"{len(y)} to train, {len(y_eval)} to evaluate")
    print(f"auto {metrics['accuracy']:.4f}:", " + ".join(f"{c['head']} on {c['of']}" for c in metrics["recipe"]["chosen"]))
    print(f"LogisticRegressionCV {rival.score(x_eval, y_eval):.4f}, C {rival.C_[0]:.4g}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/heads")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("splits")
    command.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    command.add_argument("--without-keras", action="store_true")
    command.set_defaults(do=splits)
    command = commands.add_parser("speed")
    command.add_argument("--rounds", type=int, default=3)
    command.add_argument("--parts", nargs="+", choices=SPEEDS, default=list(SPEEDS))
    command.set_defaults(do=speed)
    command = commands.add_parser("peer")
    command.add_argument("name", choices=PEERS)
    command.add_argument("folder")
    command.set_defaults(do=lambda options: print(json.dumps(PEERS[options.name](options.folder))))
    command = commands.add_parser("photos")
    command.add_argument("records")
    command.set_defaults(do=photos)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
