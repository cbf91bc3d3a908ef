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
    assert abs(found.pop("log_loss") - wanted.pop("log_loss")) < 1e-5 and found == wanted
    same_rows(made.rows(tmp_path / "p.csv"), made.rows(run / "predictions.csv"))


def test_on_records_of_the_photos_it_finds_the_same(topwork, run, tmp_path):
    topwork("embed", tmp_path / "eval", "-o", tmp_path / "records", "-q")
    topwork("evaluate", run, tmp_path / "records", "-q", "--predictions", tmp_path / "p.csv")
    same_rows(made.rows(tmp_path / "p.csv"), made.rows(run / "predictions.csv"))


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


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "plain"])
def test_what_is_no_model_is_named(sanitized, run, tmp_path, damage):
    model = tmp_path / "bad.onnx"
    whole = (run / "model.onnx").read_bytes()
    network = (made.ROOT / "backbones" / "sprout.onnx").read_bytes()
    model.write_bytes({"cut": whole[: len(whole) // 3], "empty": b"", "text": b"a text", "plain": network}[damage])
    assert "bad.onnx" in made.one_sentence(sanitized("evaluate", model, tmp_path / "eval", code=4))
