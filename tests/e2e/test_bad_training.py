"""Input that can hardly be learnt from: one clear sentence, or a right result."""
import json
import random
import shutil

import made
import pytest

QUICK = ("--steps", 60, "--hidden", 32, "-q")
RECIPES = {"auto": ("-q",), "workshop": QUICK}


def records(path, rows):
    return made.write_records(path, [made.example(*row) for row in rows])


def test_a_class_whose_photos_are_all_skipped_is_named_with_its_skips(sanitized, tmp_path):
    photos = made.photos(tmp_path / "photos", 6, ("red",))
    (photos / "blue").mkdir()
    for number in range(3):
        (photos / "blue" / f"{number}.jpg").write_bytes(b"nothing")
    sentence = made.one_sentence(sanitized("train", photos, "-o", tmp_path / "run", code=4))
    assert "only one class (red) left" in sentence and "3 of the 9 photos were skipped" in sentence and "/blue/0.jpg" in sentence
    skipped = [row["uri"] for row in made.rows(tmp_path / "run" / "audit.csv") if row["status"] == "skipped"]
    assert len(skipped) == 3 and all("/blue/" in uri for uri in skipped)
    assert not (tmp_path / "run" / "model.onnx").exists()
    made.photos(photos, 3, ("green",))
    sanitized("train", photos, "-o", tmp_path / "run", *QUICK, code=3)
    assert (tmp_path / "run" / "labels.txt").read_text().splitlines() == ["blue", "green", "red"]
    assert all(row["prediction"] != "blue" for row in made.rows(tmp_path / "run" / "predictions.csv"))


@pytest.mark.parametrize("recipe", RECIPES)
def test_equal_photos_give_even_scores_and_a_warning(sanitized, tmp_path, recipe):
    shard = records(tmp_path / "a.tfrecord", [(f"{i}.jpg", [0.5] * 16, [i % 3]) for i in range(30)])
    done = sanitized("train", shard, "-o", tmp_path / "run", *(option for option in RECIPES[recipe] if option != "-q"))
    assert "have the same embedding" in done.stderr
    shares = [sum(1 for i in range(30) if i % 3 == c) / 30 for c in range(3)]
    for row in made.rows(tmp_path / "run" / "predictions.csv"):
        assert abs(float(row["score"]) - max(shares)) < 0.1


@pytest.mark.parametrize("recipe", RECIPES)
def test_one_photo_in_a_class_and_one_in_each(sanitized, tmp_path, recipe):
    alone = records(tmp_path / "alone.tfrecord", [*made.clusters(40), ("alone.jpg", [9.0] * 16, [3])])
    sanitized("train", alone, "-o", tmp_path / "a", *RECIPES[recipe])
    assert json.loads((tmp_path / "a" / "metrics.json").read_text())["labels"] == ["0", "1", "2", "3"]
    each = records(tmp_path / "each.tfrecord", [(f"{i}.jpg", [float(i == k) for k in range(6)], [i]) for i in range(6)])
    done = sanitized("train", each, "-o", tmp_path / "b", *(option for option in RECIPES[recipe] if option != "-q"))
    assert "nothing to evaluate on" in done.stderr
    if recipe == "auto":
        told = json.loads(sanitized("evaluate", tmp_path / "b", each, "--json").stdout)
        assert told["accuracy"] == 1


def test_ten_thousand_classes_train_and_are_told_apart(topwork, tmp_path):
    source, rows = random.Random(1), []
    for c in range(10000):
        centre = [source.gauss(0, 1) for _ in range(24)]
        rows += [(f"{c:05}-{i}.jpg", [v + source.gauss(0, 0.02) for v in centre], [c]) for i in range(2)]
    shard = records(tmp_path / "a.tfrecord", rows)
    topwork("train", shard, "-o", tmp_path / "run", "--steps", 20, "--hidden", 16, "-q", timeout=600)
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert len(metrics["labels"]) == 10000 and metrics["confusion"] is None and metrics["count"] > 1000


@pytest.mark.parametrize("recipe", RECIPES)
def test_what_cannot_be_trained_on_is_one_sentence(sanitized, tmp_path, recipe):
    broken = made.clusters(30)
    broken[7] = (broken[7][0], [*broken[7][1][:3], float("nan"), *broken[7][1][4:]], broken[7][2])
    good, empty = records(tmp_path / "good.tfrecord", made.clusters(30)), records(tmp_path / "empty.tfrecord", [])
    cases = {
        "record 7: embedding value 3 is not a number": (records(tmp_path / "nan.tfrecord", broken),),
        "records of two backbones are mixed": (records(tmp_path / "mixed.tfrecord", made.clusters(9) + made.clusters(9, width=7, prefix="b")),),
        "holds no record": (empty,),
        "empty.tfrecord holds no record": (good, "--eval", empty),
        "there is only one class (0)": (records(tmp_path / "one.tfrecord", [(f"{i}.jpg", [float(i)] * 4, [0]) for i in range(9)]),),
    }
    for wanted, arguments in cases.items():
        assert wanted in made.one_sentence(sanitized("train", *arguments, "-o", tmp_path / "run", *RECIPES[recipe], code=4))
        assert not (tmp_path / "run" / "model.onnx").exists()


def test_labels_of_an_evaluation_input_do_not_change_the_labels(topwork, tmp_path):
    photos, other = made.photos(tmp_path / "photos", 6), made.photos(tmp_path / "other", 3, ("blue", "green"), seed="other")
    topwork("train", photos, "--eval", other, "-o", tmp_path / "run", *QUICK, code=3)
    assert (tmp_path / "run" / "labels.txt").read_text().splitlines() == ["blue", "red"]
    assert len(made.rows(tmp_path / "run" / "predictions.csv")) == 3


def test_a_foreign_file_in_the_caches_place_is_built_anew(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 5)
    topwork("train", photos, "-o", tmp_path / "a", *QUICK)
    caches = [path for path in (tmp_path / "cache").rglob("*.cache")]
    assert caches
    for path in caches:
        path.write_bytes(b"somebody else's file, longer than a header")
    done = topwork("train", photos, "-o", tmp_path / "b", "--steps", 60, "--hidden", 32)
    assert done.stderr.count("and built anew") == len(caches) and "10 photos embedded" in done.stdout
    assert (tmp_path / "a" / "model.onnx").read_bytes() == (tmp_path / "b" / "model.onnx").read_bytes()
    assert "0 photos embedded" in topwork("train", photos, "-o", tmp_path / "c", "--steps", 60, "--hidden", 32).stdout


def test_spellings_of_the_inputs_path_are_one_command(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 5)
    (tmp_path / "link").symlink_to(photos)
    topwork("train", photos, "-o", tmp_path / "run", *QUICK)
    for spelled, options in ((f"{photos}/", {}), (f"{photos}/../photos", {}), ("photos", {"cwd": tmp_path}), (tmp_path / "link", {})):
        topwork("train", spelled, "-o", tmp_path / "run", *QUICK, **options)
    other = shutil.copytree(photos, tmp_path / "elsewhere")
    assert "--force" in made.one_sentence(topwork("train", other, "-o", tmp_path / "run", *QUICK, code=4))
