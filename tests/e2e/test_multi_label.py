"""Inputs with several labels: a sigmoid for each, thresholds, metrics that fit, and what predict makes of it."""
import json
import math
import random

import made
import pytest

QUICK = ("--steps", 300, "--hidden", 48, "-q")


def close(a, b):
    return math.isclose(a, b, rel_tol=1e-6)


RECIPES = {"auto": ("-q",), "workshop": QUICK}


def rows_of(count=150, width=20, classes=4, seed=3):
    """Each row is the sum of the centres of its labels: one to three of them."""
    source = random.Random(seed)
    centres = [[source.gauss(0, 1) for _ in range(width)] for _ in range(classes)]
    rows = []
    for i in range(count):
        labels = sorted(source.sample(range(classes), source.choice((1, 1, 2, 3))))
        rows.append((f"{i:04}.jpg", [sum(centres[c][k] for c in labels) + source.gauss(0, 0.5) for k in range(width)], labels))
    return rows


@pytest.fixture
def shard(tmp_path):
    return made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in rows_of()])


def check(run):
    """What metrics.json says, with nine digits, follows from predictions.csv."""
    metrics, rows = json.loads((run / "metrics.json").read_text()), made.rows(run / "predictions.csv")
    truths, answers = ([set(filter(None, row[name].split(";"))) for row in rows] for name in ("label", "prediction"))
    hits, predicted, true = (sum(map(len, sets)) for sets in ([a & b for a, b in zip(truths, answers)], answers, truths))
    multi = metrics["multi_label"]
    assert close(multi["micro_f1"], 2 * hits / (predicted + true)) and close(multi["micro_precision"], hits / predicted)
    assert close(multi["subset_accuracy"], sum(a == b for a, b in zip(truths, answers)) / len(rows))
    assert close(multi["hamming_loss"], sum(len(a ^ b) for a, b in zip(truths, answers)) / len(rows) / len(metrics["labels"]))
    low, high = multi["intervals"]["micro_f1"]
    assert low <= multi["micro_f1"] <= high
    for item in metrics["per_class"]:
        own = [(item["label"] in a, item["label"] in b) for a, b in zip(truths, answers)]
        assert item["count"] == sum(a for a, _ in own) and item["predicted"] == sum(b for _, b in own)
        if item["count"]:
            assert close(item["recall"], sum(a and b for a, b in own) / item["count"])
    assert len(multi["thresholds"]) == len(metrics["labels"])
    return metrics


@pytest.mark.parametrize("recipe", RECIPES)
def test_metrics_are_those_of_labels_that_reach_their_thresholds(topwork, shard, tmp_path, recipe):
    topwork("train", shard, "-o", tmp_path / "run", "--eval-share", 0.3, *RECIPES[recipe])
    metrics = check(tmp_path / "run")
    assert metrics["multi_label"]["micro_f1"] > 0.85 and metrics["multi_label"]["subset_accuracy"] > 0.5
    again = json.loads(topwork("evaluate", tmp_path / "run", shard, "--json").stdout)
    assert again["count"] == 150 and again["multi_label"]["thresholds"] == metrics["multi_label"]["thresholds"]
    assert again["multi_label"]["micro_f1"] > 0.9 and again["log_loss"] < 0.4


@pytest.mark.parametrize("recipe", RECIPES)
def test_threads_order_and_folds_change_no_byte(topwork, tmp_path, recipe):
    rows = rows_of()
    parts = [made.write_records(tmp_path / f"{i}.tfrecord", [made.example(*row) for row in rows[i * 50 : i * 50 + 50]]) for i in range(3)]
    for extra in ((), ("--folds", 3)):
        results = []
        for number, (order, threads) in enumerate(((parts, 1), (parts[::-1], 3))):
            run = tmp_path / f"{len(extra)}-{number}"
            topwork("train", *order, "-o", run, "--threads", threads, *RECIPES[recipe], *extra)
            results.append(made.results(run))
        assert results[0] == results[1]
        check(tmp_path / f"{len(extra)}-0")


def test_single_label_keeps_one_answer_a_photo(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", "--single-label", "-q")
    assert "multi_label" not in json.loads((tmp_path / "run" / "metrics.json").read_text())
    rows = made.rows(tmp_path / "run" / "predictions.csv")
    assert all(";" not in row["prediction"] and row["prediction"] for row in rows) and any(";" in row["label"] for row in rows)


def test_photos_of_a_csv_are_told_all_their_labels(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 12, ("blue", "red", "green"))
    warm = {"red": ("red", "warm"), "green": ("green", "cold"), "blue": ("blue", "cold")}
    table = tmp_path / "table.csv"
    table.write_text("uri,label\n" + "".join(f"{path},{','.join(warm[path.parent.name])}\n" for path in sorted(photos.rglob("*.jpg"))))
    done = topwork("train", table, "-o", tmp_path / "run", "--eval-share", 0.3)
    assert "some examples have several labels" in done.stderr and "several labels a photo: micro F1" in done.stdout
    check(tmp_path / "run")
    new = made.photo(tmp_path / "new.jpg", made.COLOURS["red"], "new")
    answer = json.loads(topwork("predict", tmp_path / "run", new, "--json").stdout)
    assert sorted(answer["labels"]) == ["red", "warm"] and answer["prediction"] in ("red", "warm")
    assert sum(answer["scores"].values()) > 1.3
    shown = topwork("predict", tmp_path / "run", new).stdout.split()
    assert sorted(shown[1].split(";")) == ["red", "warm"]
    topwork("train", "--from", tmp_path / "run", "-o", tmp_path / "same")
    assert (tmp_path / "run" / "model.onnx").read_bytes() == (tmp_path / "same" / "model.onnx").read_bytes()
    topwork("train", "--from", tmp_path / "run", "--merge", "red,warm=red", "-o", tmp_path / "merged", "-q")
    metrics = json.loads((tmp_path / "merged" / "metrics.json").read_text())
    assert metrics["labels"] == ["blue", "cold", "green", "red"] and metrics["growth"]["per_class"][3]["was"] == "red, warm"


def test_five_rows_a_label_and_a_label_of_one_row_work(topwork, tmp_path):
    rows = rows_of(20) + [("alone.jpg", [3.0] * 20, [4])]
    shard = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in rows])
    for name, extra in RECIPES.items():
        topwork("train", shard, "-o", tmp_path / name, "--eval-share", 0.2, *extra)
        check(tmp_path / name)
