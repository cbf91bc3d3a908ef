"""train --folds K: every example is evaluated by a head that learnt without it; the model learns from all."""
import json
import random
import time

import made
import pytest

QUICK = ("--steps", 60, "--hidden", 32, "-q")


@pytest.fixture
def shard(tmp_path):
    return made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in made.clusters(90)])


def test_every_photo_has_a_prediction_and_the_model_is_that_of_all(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 10)
    made.photo(photos / "green" / "alone.jpg", made.COLOURS["green"], "alone")
    for name, extra in (("auto", ("-q",)), ("workshop", QUICK)):
        topwork("train", photos, "--folds", 5, "-o", tmp_path / name, *extra)
        topwork("train", photos, "--eval-share", 0, "-o", tmp_path / f"{name}-all", *extra)
        assert (tmp_path / name / "model.onnx").read_bytes() == (tmp_path / f"{name}-all" / "model.onnx").read_bytes()
        rows = made.rows(tmp_path / name / "predictions.csv")
        assert [row["key"] for row in rows] == sorted(str(path) for path in photos.rglob("*.jpg"))
        metrics = json.loads((tmp_path / name / "metrics.json").read_text())
        right = sum(row["label"] == row["prediction"] for row in rows)
        assert metrics["count"] == 21 and round(metrics["accuracy"] * 21) == right and "accuracy" in metrics["intervals"]
        assert sum(fold["count"] for fold in metrics["folds"]) == 21 and len(metrics["folds"]) == 5
        assert abs(sum(fold["count"] * fold["accuracy"] for fold in metrics["folds"]) - right) < 1e-6
        alone = next(row for row in rows if "alone" in row["key"])
        assert alone["label"] == "green"
        if name == "auto":  # whose heads rule out a class that they have not seen
            assert alone["prediction"] != "green", "its one photo was not held out"


def test_no_head_learnt_from_the_row_that_it_answers(topwork, tmp_path):
    """Labels by chance: a head that had seen its own rows would know many of them."""
    source = random.Random(5)
    rows = [(f"{i}.jpg", [source.gauss(0, 1) for _ in range(40)], [source.randrange(2)]) for i in range(80)]
    shard = made.write_records(tmp_path / "chance.tfrecord", [made.example(*row) for row in rows])
    topwork("train", shard, "--folds", 4, "-o", tmp_path / "run", "--steps", 300, "--hidden", 64, "-q")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["accuracy"] < 0.7
    known = json.loads(topwork("evaluate", tmp_path / "run", shard, "--json").stdout)["accuracy"]
    assert known > 0.95


@pytest.mark.parametrize("recipe", ["auto", "workshop"])
def test_threads_order_and_kills_change_no_byte(topwork, tmp_path, recipe):
    rows = made.clusters(120, width=48)
    parts = [made.write_records(tmp_path / f"{i}.tfrecord", [made.example(*row) for row in rows[i * 40 : i * 40 + 40]]) for i in range(3)]
    extra = ("--folds", 5, "-q", *(("--steps", 400, "--hidden", 64) if recipe == "workshop" else ()))
    start = time.monotonic()
    topwork("train", *parts, "-o", tmp_path / "whole", *extra)
    span, source, wanted = time.monotonic() - start, random.Random(7), made.results(tmp_path / "whole")
    topwork("train", *parts[::-1], "-o", tmp_path / "other", "--threads", 3, *extra)
    assert made.results(tmp_path / "other") == wanted
    cut = 0
    for _ in range(6):
        process = topwork.start("train", *map(str, parts), "-o", tmp_path / "run", *map(str, extra), stdout=-1, stderr=-1)
        time.sleep(source.uniform(0.2, 0.8) * span)
        process.kill()
        process.communicate()
        cut += process.returncode != 0
    topwork("train", *parts, "-o", tmp_path / "run", *extra)
    assert cut >= 1 and made.results(tmp_path / "run") == wanted


def test_a_folder_that_was_killed_goes_on_from_the_fold_that_it_was_in(topwork, shard, tmp_path):
    command = ("train", shard, "--folds", 3, "-o", tmp_path / "run", "--steps", 60, "--hidden", 32)
    assert "going on" not in topwork(*command).stderr
    wanted = made.results(tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "folds" / "step-00000003.twc").unlink()
    assert "going on from fold 2 of 3" in topwork(*command).stderr
    assert made.results(tmp_path / "run") == wanted


def test_what_cannot_be_is_said(topwork, shard, tmp_path):
    for extra in (("--eval", shard), ("--eval-share", 0.2)):
        assert "--folds evaluates every example" in made.one_sentence(topwork("train", shard, "--folds", 3, *extra, "-o", tmp_path / "a", code=2))
    assert "--folds is 1" in made.one_sentence(topwork("train", shard, "--folds", 1, "-o", tmp_path / "a", code=2))
    single = made.write_records(tmp_path / "b.tfrecord", [made.example(f"{i}.jpg", [float(i), 1.0], [i]) for i in range(4)])
    assert "two different examples" in made.one_sentence(topwork("train", single, "--folds", 3, "-o", tmp_path / "b", code=2))


def test_a_run_grows_with_folds(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 8)
    topwork("train", photos, "-o", tmp_path / "a", "--eval-share", 0.3, *QUICK)
    topwork("train", "--from", tmp_path / "a", made.photos(tmp_path / "new", 6, ("green",)), "--folds", 3, "-o", tmp_path / "b", *QUICK)
    assert len(made.rows(tmp_path / "b" / "predictions.csv")) == 22 and not (tmp_path / "b" / "examples" / "held-out").exists()
    topwork("train", "--from", tmp_path / "b", "-o", tmp_path / "c", "--folds", 3, *QUICK)
    assert (tmp_path / "b" / "model.onnx").read_bytes() == (tmp_path / "c" / "model.onnx").read_bytes()
