"""Accuracy and wall time of heads on fixed embeddings. Called by bench/heads."""
import argparse
import glob
import json
import os
import pathlib
import subprocess
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


def keras(x, y, x_eval, y_eval):
    import tensorflow as tf

    tf.keras.utils.set_random_seed(0)
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((x.shape[1],)), layers.Dense(512, "relu"), layers.Dropout(0.5),
                                 layers.Dense(int(y.max()) + 1, "softmax")])
    model.compile(tf.keras.optimizers.Adam(1e-3, epsilon=1e-3), "sparse_categorical_crossentropy", ["accuracy"])
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


def search_of_scikit_learn(x, y):
    """The heads, grids and folds of `auto`, by GridSearchCV; seconds of wall time."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.kernel_ridge import KernelRidge
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.neighbors import NearestCentroid

    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    targets = np.eye(int(y.max()) + 1, dtype=np.float32)[y]
    seconds = {}
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
            start = time.perf_counter()
            GridSearchCV(model, grid, cv=folds).fit(features, truth)
            seconds[f"{type(model).__name__} on {name}"] = time.perf_counter() - start
            print(f"GridSearchCV, {type(model).__name__} on {name}: {seconds[f'{type(model).__name__} on {name}']:.1f} s", flush=True)
    return sum(seconds.values())


def speed(_options):
    keys, x, y = read(FLOWERS / "train-*.gz")
    with tempfile.TemporaryDirectory() as folder:
        ours = []
        files = sorted(glob.glob(str(FLOWERS / "train-*.gz")))
        for _ in range(2):
            start = time.perf_counter()
            subprocess.run([TOPWORK, "train", *files, "--eval", str(FLOWERS / "eval-00000-of-00001.tfrecord.gz"), "-o",
                            f"{folder}/run", "--recipe", "auto", "--force", "-q"], check=True)
            ours.append(time.perf_counter() - start)
            print(f"topwork train --recipe auto, start to model: {ours[-1]:.1f} s", flush=True)
    theirs = search_of_scikit_learn(x, y)
    print(f"scikit-learn {theirs:.1f} s, topwork {min(ours):.1f} s: {theirs / min(ours):.1f} times")


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
    commands.add_parser("speed").set_defaults(do=speed)
    command = commands.add_parser("photos")
    command.add_argument("records")
    command.set_defaults(do=photos)
    options = parser.parse_args()
    options.do(options)


if __name__ == "__main__":
    main()
