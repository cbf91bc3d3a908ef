"""train: what a run folder holds, what decides the model's bytes, what bad input gets."""
import csv
import json
import math
import os
import shutil
import subprocess
import time

import made
import pytest

QUICK = ("--steps", 30, "--hidden", 32, "-q")


@pytest.fixture
def folder(tmp_path):
    return made.photos(tmp_path / "photos", 12)


@pytest.fixture
def shards(tmp_path):
    rows = made.clusters(90)
    return [
        made.write_records(tmp_path / f"s{i}.tfrecord.gz", [made.example(*row) for row in rows[i * 30 : i * 30 + 30]]) for i in range(3)
    ]


def check_evaluation(run):
    """metrics.json follows from predictions.csv."""
    metrics, rows = json.loads((run / "metrics.json").read_text()), made.rows(run / "predictions.csv")
    labels = (run / "labels.txt").read_text().splitlines()
    assert metrics["count"] == len(rows) and metrics["labels"] == labels
    confusion = [[0] * len(labels) for _ in labels]
    for row in rows:
        confusion[labels.index(row["label"])][labels.index(row["prediction"])] += 1
        assert 0 < float(row["score"]) <= 1
    assert metrics["confusion"] == confusion
    assert math.isclose(metrics["accuracy"], sum(confusion[i][i] for i in range(len(labels))) / len(rows))
    for place, item in enumerate(metrics["per_class"]):
        assert item["label"] == labels[place] and item["count"] == sum(confusion[place])
        if item["count"]:
            assert math.isclose(item["recall"], confusion[place][place] / item["count"])
    assert metrics["log_loss"] > 0
    return metrics, rows


def test_run_folder_holds_what_the_contract_names(topwork, folder, tmp_path):
    done = topwork("train", folder, "-o", tmp_path / "run", "--eval-share", 0.3, "--steps", 250, "--hidden", 32)
    assert "predicted" in done.stdout and "accuracy" in done.stdout and str(tmp_path / "run" / "model.onnx") in done.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names >= {"model.onnx", "labels.txt", "metrics.json", "predictions.csv", "audit.csv", "checkpoints", "log.jsonl", "examples"}
    metrics, rows = check_evaluation(tmp_path / "run")
    assert metrics["accuracy"] == 1.0 and metrics["count"] >= 2
    audit = made.rows(tmp_path / "run" / "audit.csv")
    assert len(audit) == 24 and {row["key"] for row in rows} < {row["uri"] for row in audit}
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    log = [line for line in log if "step" in line]
    assert [line["step"] for line in log] == [100, 200, 250]
    assert all(set(line) >= {"step", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy", "learning_rate"} for line in log)
    assert log[-1]["eval_accuracy"] == metrics["accuracy"] and math.isclose(log[-1]["eval_loss"], metrics["calibration"]["evaluation"]["before"]["log_loss"], rel_tol=1e-4)


def test_examples_are_the_training_side_with_a_thumbnail_each(topwork, folder, tmp_path):
    topwork("train", folder, "-o", tmp_path / "run", *QUICK)
    evaluated = {row["key"] for row in made.rows(tmp_path / "run" / "predictions.csv")}
    shown = topwork("records", "cat", tmp_path / "run" / "examples" / "train-00000-of-00001.tfrecord.gz").stdout
    keys = [json.loads(line)["image_uri"][0] for line in shown.splitlines()]
    assert len(keys) + len(evaluated) == 24 and not evaluated & set(keys)
    shown = topwork("records", "cat", tmp_path / "run" / "examples" / "thumbnails.tfrecord.gz").stdout
    assert sorted(json.loads(line)["image_uri"][0] for line in shown.splitlines()) == sorted(keys)
    assert b"\xff\xd8\xff" in next(made.records_of(tmp_path / "run" / "examples" / "thumbnails.tfrecord.gz"))
    assert (tmp_path / "run" / "examples" / "labels.txt").read_text() == "blue\nred\n"
    again = topwork("train", tmp_path / "run" / "examples", "-o", tmp_path / "again", "--json", *QUICK)
    assert json.loads(again.stdout)["labels"] == ["blue", "red"]


def test_threads_cache_and_order_change_no_byte_of_the_results(topwork, folder, shards, tmp_path):
    topwork("train", folder, "-o", tmp_path / "a", "--threads", 1, *QUICK)
    wanted = made.results(tmp_path / "a")
    for number, extra in enumerate((["--threads", 2], ["--threads", 5, "--no-cache"])):
        topwork("train", folder, "-o", tmp_path / f"b{number}", *extra, *QUICK)
        assert made.results(tmp_path / f"b{number}") == wanted
    topwork("train", *shards, "-o", tmp_path / "c", *QUICK)
    topwork("train", *shards[::-1], "-o", tmp_path / "d", "--threads", 3, *QUICK)
    topwork("train", tmp_path / "s*.tfrecord.gz", "-o", tmp_path / "e", *QUICK)
    wanted = made.results(tmp_path / "c")
    wanted.pop(".topwork.json")
    for name in "de":
        got = made.results(tmp_path / name)
        got.pop(".topwork.json")
        assert got == wanted


def test_model_file_knows_no_place_time_or_thread_count(topwork, tmp_path):
    models = []
    for name in ("here", "elsewhere/and/deeper"):
        place = tmp_path / name
        made.photos(place / "photos", 6)
        command = [topwork.binary, "train", "photos", "-o", "run", "--threads", str(1 + len(models)), *map(str, QUICK)]
        environment = {**topwork.environment, "XDG_CACHE_HOME": str(place / "cache"), "TZ": f"UTC{3 * len(models)}", "HOME": str(place)}
        subprocess.run(command, cwd=place, check=True, env=environment)
        models.append((place / "run" / "model.onnx").read_bytes())
    assert models[0] == models[1] and str(tmp_path).encode() not in models[0]


def test_places_names_and_spellings_of_the_photos_change_no_byte_of_the_model(topwork, folder, tmp_path):
    moved = tmp_path / "elsewhere" / "a folder of another name"
    for number, path in enumerate(sorted(folder.rglob("*.jpg"), reverse=True)):
        (moved / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, moved / path.parent.name / f"{number:03}.jpg")
    table = tmp_path / "table.csv"
    table.write_text("".join(f"{path},{path.parent.name}\n" for path in sorted(folder.rglob("*.jpg"), key=lambda path: path.name[::-1])))
    models = set()
    inputs = [folder, os.path.relpath(folder), moved, table, f"{folder}/../{folder.name}"]
    for number, spelled in enumerate(inputs):
        topwork("train", spelled, "-o", tmp_path / f"r{number}", *QUICK)
        models.add((tmp_path / f"r{number}" / "model.onnx").read_bytes())
    assert len(models) == 1


def test_seed_and_every_option_of_the_recipe_count(topwork, shards, tmp_path):
    models = set()
    options = [(), ("--seed", 1), ("--batch", 10), ("--hidden", 33), ("--dropout", 0.2), ("--learning-rate", 0.01), ("--steps", 31), ("--label-smoothing", 0.1), ("--mixup", 0.3)]
    for number, extra in enumerate(options):
        topwork("train", *shards, "-o", tmp_path / f"{number}", *QUICK, *extra)
        models.add((tmp_path / f"{number}" / "model.onnx").read_bytes())
    assert len(models) == len(options)


def test_unlabelled_photos_train_one_more_class(topwork, folder, tmp_path):
    for number in range(12):
        made.photo(folder / f"loose{number}.jpg", made.COLOURS["green"], f"loose {number}")
    topwork("train", folder, "-o", tmp_path / "run", "--eval-share", 0.3, "--steps", 200, "-q")
    metrics, rows = check_evaluation(tmp_path / "run")
    assert metrics["labels"] == ["blue", "red", "(unlabelled)"]
    assert any(row["label"] == "(unlabelled)" for row in rows) and metrics["accuracy"] > 0.9
    assert topwork("predict", tmp_path / "run", made.photo(tmp_path / "new.jpg", made.COLOURS["green"], "new")).stdout.split()[1] == "(unlabelled)"
    assert json.loads(topwork("evaluate", tmp_path / "run", folder, "--json").stdout)["count"] == 36


def test_labels_file_fixes_ids_and_refuses_others(topwork, folder, tmp_path):
    (tmp_path / "dict.txt").write_text("red\nviolet\nblue\n")
    made.photos(folder, 2, ("green",))
    topwork("train", folder, "--labels", tmp_path / "dict.txt", "-o", tmp_path / "run", *QUICK, code=3)
    labels = (tmp_path / "run" / "labels.txt").read_text().splitlines()
    assert labels[:3] == ["red", "violet", "blue"] and "green" not in labels
    audit = [row for row in made.rows(tmp_path / "run" / "audit.csv") if "/green/" in row["uri"]]
    assert len(audit) == 2 and all("green" in row["reason"] for row in audit)


def test_eval_photos_are_evaluated_and_their_copies_not_trained_on(topwork, folder, tmp_path):
    other = made.photos(tmp_path / "other", 5, seed="other")
    shutil.copy(other / "red" / "00.jpg", folder / "red" / "the-same.jpg")
    topwork("train", folder, "--eval", other, "-o", tmp_path / "run", "--steps", 100, "-q", code=3)
    _, rows = check_evaluation(tmp_path / "run")
    assert {row["key"] for row in rows} == {str(path) for path in other.rglob("*.jpg")}
    skipped = [row for row in made.rows(tmp_path / "run" / "audit.csv") if row["status"] == "skipped"]
    assert [row["uri"] for row in skipped] == [str(folder / "red" / "the-same.jpg")] and "evaluation" in skipped[0]["reason"]


def test_eval_records_are_evaluated_each(topwork, shards, tmp_path):
    topwork("train", *shards[:2], "--eval", shards[2], "-o", tmp_path / "run", *QUICK)
    _, rows = check_evaluation(tmp_path / "run")
    assert [row["key"] for row in rows] == sorted(uri for uri, _, _ in made.clusters(90)[60:])
    assert "training records too" in topwork("train", *shards, "--eval", shards[2], "-o", tmp_path / "b", "--steps", 2).stderr


def test_five_photos_a_class_leave_one_of_each_to_evaluate(topwork, tmp_path):
    topwork("train", made.photos(tmp_path / "photos", 5, ("blue", "red", "green")), "-o", tmp_path / "run", *QUICK)
    assert {row["label"] for row in made.rows(tmp_path / "run" / "predictions.csv")} == {"blue", "red", "green"}


def test_without_an_evaluation_side_it_warns_and_leaves_no_metrics_of_another_run(topwork, folder, tmp_path):
    topwork("train", folder, "-o", tmp_path / "run", *QUICK)
    done = topwork("train", folder, "-o", tmp_path / "run", "--eval-share", 0, "--force", "--steps", 30)
    assert "nothing to evaluate on" in done.stderr
    assert not (tmp_path / "run" / "metrics.json").exists() and made.rows(tmp_path / "run" / "predictions.csv") == []


def test_json_prints_the_metrics(topwork, folder, tmp_path):
    done = topwork("train", folder, "-o", tmp_path / "run", "--json", *QUICK)
    assert done.stdout == (tmp_path / "run" / "metrics.json").read_text()


def test_broken_photos_are_skipped_and_counted(topwork, folder, tmp_path):
    (folder / "red" / "empty.jpg").write_bytes(b"")
    (folder / "red" / "text.jpg").write_text("not a photo")
    whole = (folder / "red" / "00.jpg").read_bytes()
    (folder / "red" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    done = topwork("train", folder, "-o", tmp_path / "run", "--steps", 10, code=3)
    assert "3 skipped" in done.stdout
    skipped = {os.path.basename(row["uri"]) for row in made.rows(tmp_path / "run" / "audit.csv") if row["status"] == "skipped"}
    assert skipped == {"empty.jpg", "text.jpg", "cut.jpg"}


def test_one_class_is_too_few(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 6, ("red",))
    assert "only one class (red)" in made.one_sentence(topwork("train", folder, "-o", tmp_path / "run", code=4))
    assert not (tmp_path / "run" / "model.onnx").exists()


def test_nothing_usable_is_named(topwork, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "no photo" in made.one_sentence(topwork("train", tmp_path / "empty", "-o", tmp_path / "run", code=4))
    (tmp_path / "bad" / "red").mkdir(parents=True)
    (tmp_path / "bad" / "red" / "a.jpg").write_bytes(b"x")
    assert "a.jpg" in made.one_sentence(topwork("train", tmp_path / "bad", "-o", tmp_path / "run", code=4))
    assert [(row["uri"], row["status"]) for row in made.rows(tmp_path / "run" / "audit.csv")] == [(str(tmp_path / "bad" / "red" / "a.jpg"), "skipped")]
    assert "missing" in made.one_sentence(topwork("train", tmp_path / "missing", "-o", tmp_path / "run", code=4))
    (tmp_path / "nul.csv").write_bytes(b"a.jpg,red\nb\0.jpg,blue\n")
    assert "line 2" in made.one_sentence(topwork("train", tmp_path / "nul.csv", "-o", tmp_path / "run", code=4))


def test_an_input_that_cannot_be_used_replaces_no_good_run(topwork, folder, tmp_path):
    topwork("train", folder, "-o", tmp_path / "run", *QUICK)
    before = made.results(tmp_path / "run")
    (tmp_path / "bad" / "red").mkdir(parents=True)
    (tmp_path / "bad" / "red" / "a.jpg").write_bytes(b"x")
    broken = made.write_records(tmp_path / "broken.tfrecord.gz", [b"no example"])
    one_class = made.photos(tmp_path / "one", 3, ("red",))
    for wrong in (tmp_path / "nosuch", tmp_path / "bad", broken, one_class):
        topwork("train", wrong, "-o", tmp_path / "run", "--force", *QUICK, code=4)
        assert made.results(tmp_path / "run") == before
    for wrong in (tmp_path / "nosuch", tmp_path / "bad", folder):
        topwork("train", folder, "--eval", wrong, "-o", tmp_path / "run", "--force", *QUICK, code=4)
        assert made.results(tmp_path / "run") == before


def test_growing_a_folder_moves_no_photo_between_the_sides(topwork, tmp_path):
    def evaluated(per_class, run, *extra):
        folder = made.photos(tmp_path / "photos", per_class, ("blue", "red", "green"))
        topwork("train", folder, "-o", run, *QUICK, *extra)
        return {row["key"] for row in made.rows(run / "predictions.csv")}

    before = evaluated(3, tmp_path / "run")
    manifest = json.loads((tmp_path / "run" / "examples" / "manifest.json").read_text())
    assert manifest["kept_on_eval"] != []
    known = {str(path) for path in (tmp_path / "photos").rglob("*.jpg")}
    for per_class, extra in ((9, ()), (12, ("--force", "--seed", 5))):
        after = evaluated(per_class, tmp_path / "run", *extra)
        assert after & known == before
        known, before = {str(path) for path in (tmp_path / "photos").rglob("*.jpg")}, after
    assert evaluated(12, tmp_path / "fresh") != before, "the kept sides made no difference: the test shows nothing"


def test_photos_or_records_that_are_their_own_evaluation_are_named(topwork, folder, shards, tmp_path):
    assert "--eval and the input are the same photos" in made.one_sentence(topwork("train", folder, "--eval", folder, "-o", tmp_path / "a", code=4))
    done = topwork("train", shards[0], "--eval", shards[0], "-o", tmp_path / "b", "--steps", 2)
    assert "--eval and the input are the same records" in done.stderr


def test_a_folder_is_one_commands_at_a_time(topwork, folder, shards, tmp_path):
    command = ("train", *shards, "-o", tmp_path / "run", "--hidden", 64, "--steps")
    process = topwork.start(*command, 1000000, stdout=-1, stderr=-1)
    log = tmp_path / "run" / "log.jsonl"
    while not (log.exists() and '{"step"' in log.read_text()):
        assert process.poll() is None
        time.sleep(0.005)
    for other in ((*command, 1000000), (*command, 3, "--force"), ("embed", folder, "-o", tmp_path / "run", "--force")):
        assert "another topwork works in folder" in made.one_sentence(topwork(*other, code=5))
    process.kill()
    process.communicate()
    topwork(*command, 3, "--force")


def test_a_class_whose_name_is_no_text_is_left_out_and_said_so(topwork, folder, tmp_path):
    made.photos(folder, 4, ("green",))
    os.rename(folder / "red", os.fsencode(folder) + b"/r\xe9d")
    topwork("train", folder, "-o", tmp_path / "run", *QUICK, code=3)
    assert (tmp_path / "run" / "labels.txt").read_text() == "blue\ngreen\n"
    with open(tmp_path / "run" / "audit.csv", encoding="utf-8", errors="replace") as file:
        assert sum(",skipped," in line and "UTF-8" in line for line in file) == 12


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--sede", "1"], "did you mean --seed?"),
        (["--steps", "0"], "--steps is 0, not a whole number from 1 to 1000000000"),
        (["--steps", "ten"], "--steps is ten, not a whole number"),
        (["--eval-share", "1"], "--eval-share is 1, not a number from 0 to 0.9"),
        (["--dropout", "nan"], "--dropout is nan, not a number from 0 to 0.99"),
        (["--learning-rate", "-1"], "--learning-rate is -1, not a number from 1e-12 to 1000"),
        (["--threads", "0"], "--threads is 0, not a whole number from 1 to 1024"),
        (["--seed", "9007199254740993"], "--seed is 9007199254740993, not a whole number from 0 to 9007199254740992"),
        (["--recipe", "guess"], "there is no recipe guess"),
        (["--precision", "f8"], "--precision is f8, not one of f32|bf16|int8|auto"),
        (["--json=yes"], "--json takes no value"),
        (["--steps"], "--steps wants a value: N"),
        (["--eval", "x", "--eval-share", "0.2"], "--eval and --eval-share exclude each other"),
    ],
)
def test_wrong_usage_names_what_is_right(topwork, folder, tmp_path, arguments, words):
    sentence = made.one_sentence(topwork("train", folder, "-o", tmp_path / "run", *arguments, code=2))
    assert words in sentence and not (tmp_path / "run").exists()


def test_output_folder_is_asked_for(topwork, folder):
    assert "-o RUN" in made.one_sentence(topwork("train", folder, code=2))
    assert "train needs INPUT" in made.one_sentence(topwork("train", code=2))


def test_flower_records_reach_the_accuracy_of_the_recipe(topwork, flowers, tmp_path):
    inputs = sorted(flowers.glob("train-*.gz"))
    topwork("train", *inputs, "--eval", flowers / "eval-00000-of-00001.tfrecord.gz", "--labels", flowers / "dict.txt", "--steps", 300, "-o", tmp_path / "run", "-q")
    metrics, _ = check_evaluation(tmp_path / "run")
    assert metrics["count"] == 367 and metrics["accuracy"] > 0.9


def test_tf_config_lets_the_chief_train_and_the_others_end_well(topwork, shards, tmp_path):
    cluster = {"chief": ["a:1"], "worker": ["b:1", "c:1"], "ps": ["d:1"]}
    def start(config, name, code=0):
        topwork.environment["TF_CONFIG"] = config if isinstance(config, str) else json.dumps(config)
        return topwork("train", shards[0], "-o", tmp_path / name, *QUICK[:-1], code=code)
    for role in ("ps", "worker", "evaluator"):
        done = start({"cluster": cluster, "task": {"type": role, "index": 0}}, role)
        assert f"this is {role} 0 " in made.one_sentence(done) and not (tmp_path / role).exists()
    for name, config in {
        "chief": {"cluster": cluster, "task": {"type": "chief", "index": 0}},
        "master": {"cluster": {"master": ["a:1"]}, "task": {"type": "master", "index": "0"}},
        "first": {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}},
        "alone": {"cluster": {}, "task": {}},
        "empty": "",
    }.items():
        start(config, name)
        assert (tmp_path / name / "model.onnx").exists()


@pytest.mark.parametrize("config", ["{", "[1]", '{"task": {"index": 0}}', '{"task": {"type": "ps", "index": "x"}}', '{"task": {"type": "ps", "index": -1}}'])
def test_a_tf_config_that_cannot_be_read_is_named(topwork, shards, tmp_path, config):
    topwork.environment["TF_CONFIG"] = config
    assert "TF_CONFIG" in made.one_sentence(topwork("train", shards[0], "-o", tmp_path / "run", *QUICK, code=2))
    assert not (tmp_path / "run").exists()


def test_forced_results_of_other_settings_leave_nothing_of_the_old_run_but_its_log(topwork, tmp_path):
    shard = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in made.clusters()])
    run = tmp_path / "run"
    topwork("train", shard, "-o", run, "--recipe", "workshop", "--steps", "200")
    old = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file() and ("tfevents" in p.name or p.suffix == ".twc")}
    assert any("events/eval" in name for name in old) and any(name.endswith(".twc") for name in old)
    topwork("train", shard, "-o", run, "--eval-share", "0", "--seed", "5", "--force")
    left = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert not old & left
    shown = topwork("logs", run).stdout
    assert shown.count("train") >= 2


def test_labels_and_keys_that_a_spreadsheet_would_run_stand_in_predictions_as_they_are(topwork, tmp_path):
    rows = [(f"@a/{key}", values, labels) for key, values, labels in made.clusters()]
    shard = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in rows])
    (tmp_path / "dict.txt").write_text("-1\n+1\n=x\n")
    topwork("train", shard, "--labels", tmp_path / "dict.txt", "-o", tmp_path / "run")
    with open(tmp_path / "run" / "predictions.csv") as text:
        answers = list(csv.DictReader(text))
    assert answers and {row["label"] for row in answers} <= {"-1", "+1", "=x"}
    assert all(row["key"].startswith("@a/") for row in answers)
