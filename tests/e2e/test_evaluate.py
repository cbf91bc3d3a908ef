"""evaluate: metrics of a model on photos and records."""
import json

import made
import pytest


@pytest.fixture
def folder(tmp_path):
    return made.photos(tmp_path / "photos", 12)


@pytest.fixture
def run(topwork, folder, tmp_path):
    topwork("train", folder, "--eval", made.photos(tmp_path / "eval", 6, seed="eval"), "-o", tmp_path / "run", "--steps", 60, "-q")
    return tmp_path / "run"


def same_rows(a, b):
    assert [(row["key"], row["label"], row["prediction"]) for row in a] == [(row["key"], row["label"], row["prediction"]) for row in b]
    assert all(abs(float(x["score"]) - float(y["score"])) <= 2e-6 for x, y in zip(a, b))


def test_on_the_evaluation_photos_it_finds_what_training_wrote(topwork, run, tmp_path):
    done = topwork("evaluate", run / "model.onnx", tmp_path / "eval", "--json", "--predictions", tmp_path / "p.csv")
    found, wanted = json.loads(done.stdout), json.loads((run / "metrics.json").read_text())
    assert wanted.pop("recipe")["recipe"] == "workshop"
    del wanted["calibration"], wanted["learning_curve"]
    assert made.same_numbers(found, wanted, 1e-5)
    same_rows(made.rows(tmp_path / "p.csv"), made.rows(run / "predictions.csv"))


def test_on_records_of_the_photos_it_finds_the_same(topwork, run, tmp_path):
    topwork("embed", tmp_path / "eval", "-o", tmp_path / "records", "--eval-share", 0, "-q")
    topwork("evaluate", run, tmp_path / "records", "-q", "--predictions", tmp_path / "p.csv")
    same_rows(made.rows(tmp_path / "p.csv"), made.rows(run / "predictions.csv"))


def test_of_an_embed_folder_only_the_evaluation_side_is_evaluated_and_that_is_said(topwork, run, folder, tmp_path):
    summary = topwork("embed", folder, "-o", tmp_path / "records", "--eval-share", 0.3, "--json").stdout
    done = topwork("evaluate", run, tmp_path / "records", "--json", "--predictions", tmp_path / "p.csv")
    side = [json.loads(line)["image_uri"][0] for line in topwork("records", "cat", *(tmp_path / "records").glob("eval-*")).stdout.splitlines()]
    assert 0 < len(side) < 24 and json.loads(done.stdout)["count"] == len(side), summary
    assert {row["key"] for row in made.rows(tmp_path / "p.csv")} == set(side)
    assert len(done.stderr.splitlines()) == 1 and "only the evaluation side" in done.stderr
    train = list((tmp_path / "records").glob("train-*"))
    assert json.loads(topwork("evaluate", run, *train, "--json").stdout)["count"] == 24 - len(side)


def test_table_is_aligned(topwork, run, tmp_path):
    lines = topwork("evaluate", run, tmp_path / "eval").stdout.splitlines()
    assert lines[0].startswith("accuracy ")
    matrix = lines[lines.index(next(line for line in lines if line.startswith("truth"))) :][:3]
    assert len({len(line) for line in matrix}) == 1


def test_fail_under_answers_no_with_exit_1(topwork, run, tmp_path):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("".join(f"{path},{'red' if 'blue' in path.parts else 'blue'}\n" for path in (tmp_path / "eval").rglob("*.jpg")))
    assert json.loads(topwork("evaluate", run, wrong, "--json", "--fail-under", 0.5, code=1).stdout)["accuracy"] < 0.5
    topwork("evaluate", run, tmp_path / "eval", "--fail-under", 0.5, "-q", code=0)


def test_fail_under_looks_at_the_measure_that_is_named(topwork, run, tmp_path):
    metrics = json.loads((run / "metrics.json").read_text())
    for measure in ("balanced_accuracy", "macro_f1", "mean_average_precision", "accuracy"):
        topwork("evaluate", run, tmp_path / "eval", "--measure", measure, "--fail-under", metrics[measure] - 0.001, "-q")
    for measure in ("log_loss", "calibration_error"):  # of these, less is better
        topwork("evaluate", run, tmp_path / "eval", "--measure", measure, "--fail-under", metrics[measure] + 0.001, "-q")
        done = topwork("evaluate", run, tmp_path / "eval", "--measure", measure, "--fail-under", metrics[measure] / 2, code=1)
        assert f"{measure} is {metrics[measure]:.4f}, above" in done.stderr
    assert "top_2_accuracy is not defined" in topwork("evaluate", run, tmp_path / "eval", "--measure", "top_2_accuracy", "--fail-under", 0.5, code=1).stderr
    assert "did you mean macro_f1" in made.one_sentence(topwork("evaluate", run, tmp_path / "eval", "--measure", "macrof1", "--fail-under", 0.5, code=2))
    assert "--fail-under" in made.one_sentence(topwork("evaluate", run, tmp_path / "eval", "--measure", "macro_f1", code=2))


def test_skipped_photos_are_named_and_cost_exit_3(topwork, run, tmp_path):
    (tmp_path / "eval" / "red" / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    done = topwork("evaluate", run, tmp_path / "eval", "--json", code=3)
    assert json.loads(done.stdout)["count"] == 12 and "bad.jpg is skipped" in done.stderr


def test_labels_that_the_model_does_not_have_are_no_evaluation(topwork, run, tmp_path):
    other = made.photos(tmp_path / "other", 2, ("green",))
    made.one_sentence(topwork("evaluate", run, other, "-q", code=4))


def test_records_of_other_labels_width_or_backbone_are_refused(topwork, run, tmp_path):
    narrow = made.write_records(tmp_path / "narrow.tfrecord", [made.example(*row) for row in made.clusters(6)])
    assert "640" in made.one_sentence(topwork("evaluate", run, narrow, code=4))
    topwork("embed", made.photos(tmp_path / "other", 2, ("green", "red")), "-o", tmp_path / "records", "-q")
    assert "label 0 is green in the records and blue in the model" in made.one_sentence(topwork("evaluate", run, tmp_path / "records", code=4))


def test_records_of_another_image_policy_are_refused(topwork, run, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "records", "--ignore-exif", "-q")
    assert "another image policy" in made.one_sentence(topwork("evaluate", run, tmp_path / "records", code=4))


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "plain"])
def test_what_is_no_model_is_named(sanitized, run, tmp_path, damage):
    model = tmp_path / "bad.onnx"
    whole = (run / "model.onnx").read_bytes()
    network = (made.ROOT / "backbones" / "sprout.onnx").read_bytes()
    model.write_bytes({"cut": whole[: len(whole) // 3], "empty": b"", "text": b"a text", "plain": network}[damage])
    assert "bad.onnx" in made.one_sentence(sanitized("evaluate", model, tmp_path / "eval", code=4))


def test_every_measure_has_an_interval_that_holds_it(topwork, run, tmp_path):
    found = json.loads(topwork("evaluate", run, tmp_path / "eval", "--json").stdout)
    assert {"accuracy", "balanced_accuracy", "macro_f1", "log_loss", "mean_average_precision"} <= set(found["intervals"])
    assert all(low - 1e-9 <= found[name] <= high + 1e-9 for name, (low, high) in found["intervals"].items() if name != "calibration_error")
    assert found["resamples"] == 1000 and {"precision", "recall", "average_precision"} <= set(found["per_class"][0]["intervals"])


def test_comparison_of_a_model_with_itself_finds_no_difference(topwork, run, tmp_path):
    done = topwork("evaluate", "--compare", run, run, tmp_path / "eval")
    assert "right and wrong on the very same examples" in done.stdout.splitlines()[-1]


def test_comparison_names_the_better_model_and_how_sure_that_is(topwork, tmp_path):
    rows = made.clusters(240)
    good = made.write_records(tmp_path / "good.tfrecord", [made.example(*row) for row in rows[:120]])
    wrong = made.write_records(tmp_path / "wrong.tfrecord", [made.example(uri, e, [(l[0] + (i % 3 > 0)) % 3]) for i, (uri, e, l) in enumerate(rows[:120])])
    asked = made.write_records(tmp_path / "asked.tfrecord", [made.example(*row) for row in rows[120:]])
    for name, records in (("good", good), ("wrong", wrong)):
        topwork("train", records, "--eval-share", 0, "-o", tmp_path / name, "--steps", 80, "-q")
    found = json.loads(topwork("evaluate", "--compare", tmp_path / "wrong", tmp_path / "good", asked, "--json").stdout)
    assert found["p_value"] < 0.001 and found["accuracy_gain"]["low"] > 0
    assert found["verdict"].startswith(f"{tmp_path / 'good'} is better than {tmp_path / 'wrong'}")


def test_comparison_needs_two_models_and_an_input(topwork, run, tmp_path):
    assert "A B INPUT" in made.one_sentence(topwork("evaluate", "--compare", run, tmp_path / "eval", code=2))


def test_above_2000_classes_the_confusion_is_a_list_of_pairs(topwork, tmp_path):
    rows = [(f"{i}.jpg", [float(i % 7), float(i % 11), 1.0], [i]) for i in range(2001)]
    records = made.write_records(tmp_path / "many.tfrecord", [made.example(*row) for row in rows])
    topwork("train", records, "--eval-share", 0, "-o", tmp_path / "run", "--steps", 2, "--hidden", 4, "-q")
    found = json.loads(topwork("evaluate", tmp_path / "run", records, "--json").stdout)
    assert found["confusion"] is None and sum(count for _, _, count in found["confusion_pairs"]) == found["count"] == 2001
    right = sum(count for truth, prediction, count in found["confusion_pairs"] if truth == prediction)
    assert abs(right / 2001 - found["accuracy"]) < 1e-8


def test_examples_that_are_all_the_same_give_even_scores(topwork, tmp_path):
    records = made.write_records(tmp_path / "same.tfrecord", [made.example(f"{i}.jpg", [1.0] * 8, [i % 2]) for i in range(40)])
    topwork("train", records, "-o", tmp_path / "run", "-q")
    found = json.loads(topwork("evaluate", tmp_path / "run", records, "--json").stdout)
    assert found["accuracy"] == 0.5 and abs(found["log_loss"] - 0.6931) < 0.01


def test_an_empty_evaluation_is_one_sentence(topwork, tmp_path):
    records = made.write_records(tmp_path / "some.tfrecord", [made.example(*row) for row in made.clusters(20)])
    empty = made.write_records(tmp_path / "empty.tfrecord", [])
    assert "empty.tfrecord holds no record" in made.one_sentence(topwork("train", records, "--eval", empty, "-o", tmp_path / "run", code=4))
