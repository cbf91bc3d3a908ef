"""train --from: a trained run grows; its photos may be gone, its folder may have moved, nothing of it is embedded again."""
import json
import shutil

import made
import pytest

QUICK = ("--steps", 40, "--hidden", 32, "-q")


def labels(run):
    return (run / "labels.txt").read_text().splitlines()


def metrics(run):
    return json.loads((run / "metrics.json").read_text())


def evaluated(run):
    return {row["key"]: row["label"] for row in made.rows(run / "predictions.csv")}


def learnt(topwork, run):
    shown = topwork("records", "cat", run / "examples" / "train-00000-of-00001.tfrecord.gz").stdout
    return {json.loads(line)["image_uri"][0] for line in shown.splitlines()}


@pytest.fixture
def run(topwork, tmp_path):
    """A run whose folder has moved, whose photos are gone, and whose embeddings are in no cache."""
    made.photos(tmp_path / "old", 12, ("blue", "red", "green"))
    topwork("train", tmp_path / "old", "-o", tmp_path / "first", "--eval-share", 0.25, *QUICK)
    shutil.rmtree(tmp_path / "old")
    shutil.rmtree(tmp_path / "cache")
    return (tmp_path / "first").rename(tmp_path / "run")


def test_growing_by_nothing_gives_the_same_model(topwork, run, tmp_path):
    topwork("train", "--from", run, "-o", tmp_path / "same", "--threads", 3, *QUICK)
    assert (tmp_path / "same" / "model.onnx").read_bytes() == (run / "model.onnx").read_bytes()
    assert evaluated(tmp_path / "same") == evaluated(run) and learnt(topwork, tmp_path / "same") == learnt(topwork, run)
    growth = metrics(tmp_path / "same")["growth"]
    assert growth["accuracy_before"] == growth["accuracy_after"] == metrics(run)["accuracy"] and growth["count"] == metrics(run)["count"]
    again = topwork("train", "--from", tmp_path / "same", "-o", tmp_path / "again", *QUICK)
    assert again.stderr == "" and (tmp_path / "again" / "model.onnx").read_bytes() == (run / "model.onnx").read_bytes()


def test_new_photos_and_classes_join_and_only_they_are_embedded(topwork, run, tmp_path):
    new = made.photos(tmp_path / "new", 4, ("red",), seed="new")
    for number in range(6):
        made.photo(new / "yellow" / f"{number}.jpg", (220, 220, 40), f"yellow {number}")
    done = topwork("train", "--from", run, new, "-o", tmp_path / "grown", "--steps", 40, "--hidden", 32)
    assert "10 photos embedded, 36 known before" in done.stdout and "since the run before" in done.stdout
    assert labels(tmp_path / "grown") == ["blue", "green", "red", "yellow"]
    now, before = evaluated(tmp_path / "grown"), evaluated(run)
    assert before.items() <= now.items() and all(str(new) in key for key in now.keys() - before.keys())
    assert learnt(topwork, run) <= learnt(topwork, tmp_path / "grown")
    growth = metrics(tmp_path / "grown")["growth"]
    assert growth["count"] == len(before) and [row["was"] for row in growth["per_class"]] == ["blue", "green", "red", None]
    audit = made.rows(tmp_path / "grown" / "audit.csv")
    assert len(audit) == 46 and all(row["status"] == "ok" and row["width"] == "72" for row in audit)
    thumbnails = [made.records_of(tmp_path / "grown" / "examples" / part / "thumbnails.tfrecord.gz") for part in ("", "held-out")]
    assert sum(b"\xff\xd8\xff" in record for part in thumbnails for record in part) == 46


def test_a_grown_run_is_the_run_of_all_photos(topwork, tmp_path):
    """With the old classes first in the order of names, so that ids are the same."""
    first = made.photos(tmp_path / "first", 10, ("blue", "green"))
    more = made.photos(tmp_path / "more", 10, ("green", "red"), seed="more")
    together = shutil.copytree(first, tmp_path / "together")
    for path in more.rglob("*.jpg"):
        (together / path.parent.name).mkdir(exist_ok=True)
        shutil.copy(path, together / path.parent.name / f"more-{path.name}")
    for name, extra in (("auto", ()), ("workshop", QUICK[:-1])):
        topwork("train", first, "-o", tmp_path / f"{name}-a", "--eval-share", 0.3, "-q", *extra)
        topwork("train", "--from", tmp_path / f"{name}-a", more, "-o", tmp_path / f"{name}-b", "-q", *extra)
        topwork("train", together, "-o", tmp_path / f"{name}-c", "--eval-share", 0.3, "-q", *extra)
        assert (tmp_path / f"{name}-b" / "model.onnx").read_bytes() == (tmp_path / f"{name}-c" / "model.onnx").read_bytes()


def test_classes_are_renamed_merged_and_removed(topwork, run, tmp_path):
    topwork("train", "--from", run, "-o", tmp_path / "renamed", "--rename", "blue=azure", *QUICK)
    assert labels(tmp_path / "renamed") == ["azure", "green", "red"]
    assert sorted(evaluated(tmp_path / "renamed").values()) == sorted({"blue": "azure"}.get(label, label) for label in evaluated(run).values())
    topwork("train", "--from", run, "-o", tmp_path / "merged", "--merge", "blue,red=other", *QUICK)
    assert labels(tmp_path / "merged") == ["other", "green"]
    growth = metrics(tmp_path / "merged")["growth"]
    assert [row["was"] for row in growth["per_class"]] == ["blue, red", "green"] and growth["count"] == len(evaluated(run))
    topwork("train", "--from", run, "-o", tmp_path / "removed", "--remove", "red", *QUICK)
    assert labels(tmp_path / "removed") == ["blue", "green"] and metrics(tmp_path / "removed")["growth"]["removed"] == ["red"]
    assert {key for key, label in evaluated(run).items() if label != "red"} == evaluated(tmp_path / "removed").keys()
    assert not any("/red/" in key for key in learnt(topwork, tmp_path / "removed"))


def test_corrections_relabel_and_leave_out_its_photos(topwork, run, tmp_path):
    moved, gone = sorted(learnt(topwork, run))[:2]
    (tmp_path / "fix.csv").write_text(f"uri,new_label\n{moved},red\n{gone},-\n")
    topwork("train", "--from", run, "--corrections", tmp_path / "fix.csv", "-o", tmp_path / "fixed", *QUICK, code=3)
    rows = {row["uri"]: row for row in made.rows(tmp_path / "fixed" / "audit.csv")}
    assert rows[moved]["label"] == "red" and rows[gone]["status"] == "skipped"
    assert gone not in learnt(topwork, tmp_path / "fixed") and moved in learnt(topwork, tmp_path / "fixed")


def test_a_photo_given_again_keeps_its_side_and_takes_its_new_name_and_label(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 10)
    topwork("train", photos, "-o", tmp_path / "a", "--eval-share", 0.3, *QUICK)
    asked = sorted(evaluated(tmp_path / "a"))[0]
    (photos / "green").mkdir()
    shutil.move(asked, photos / "green" / "moved.jpg")
    made.photos(photos, 5, ("green",))
    done = topwork("train", "--from", tmp_path / "a", photos, "-o", tmp_path / "b", "--steps", 40, "--hidden", 32)
    assert "5 photos embedded, 20 known before" in done.stdout
    now = evaluated(tmp_path / "b")
    assert now[str(photos / "green" / "moved.jpg")] == "green" and asked not in now
    assert {key for key in evaluated(tmp_path / "a") if key != asked} < now.keys()
    assert metrics(tmp_path / "b")["growth"]["count"] == len(evaluated(tmp_path / "a"))


def test_a_run_of_records_grows_by_records(topwork, tmp_path):
    rows = made.clusters(90)
    parts = [made.write_records(tmp_path / f"{i}.tfrecord", [made.example(*row) for row in rows[i * 30 : i * 30 + 30]]) for i in range(3)]
    (tmp_path / "dict.txt").write_text("ant\nbee\ncat\n")
    names = ("--labels", tmp_path / "dict.txt")
    topwork("train", *parts[:2], *names, "-o", tmp_path / "a", "--eval-share", 0.2, *QUICK)
    topwork("train", "--from", tmp_path / "a", "-o", tmp_path / "same", *QUICK)
    assert (tmp_path / "same" / "model.onnx").read_bytes() == (tmp_path / "a" / "model.onnx").read_bytes()
    topwork("train", "--from", tmp_path / "a", parts[2], *names, "--eval-share", 0.2, "-o", tmp_path / "b", *QUICK)
    assert labels(tmp_path / "b") == ["ant", "bee", "cat"] and evaluated(tmp_path / "a").items() <= evaluated(tmp_path / "b").items()
    assert len(evaluated(tmp_path / "b")) + len(learnt(topwork, tmp_path / "b")) == 90
    topwork("train", "--from", tmp_path / "a", "--merge", "ant,bee=insect", "-o", tmp_path / "c", *QUICK)
    assert labels(tmp_path / "c") == ["insect", "cat"]
    again = [made.example(uri, embedding, [(label[0] + 1) % 3]) for uri, embedding, label in rows[:30]]
    topwork("train", "--from", tmp_path / "a", made.write_records(tmp_path / "again.tfrecord", again), *names, "-o", tmp_path / "d", *QUICK)
    assert evaluated(tmp_path / "d").keys() == evaluated(tmp_path / "a").keys()
    assert len(learnt(topwork, tmp_path / "d")) == len(learnt(topwork, tmp_path / "a"))


def test_a_run_of_embedded_records_grows_by_a_folder_with_other_classes(topwork, tmp_path):
    for name, classes in (("a", ("blue", "red")), ("b", ("green", "red"))):
        topwork("embed", made.photos(tmp_path / name, 8, classes, seed=name), "-o", tmp_path / f"records-{name}", "-q")
    topwork("train", tmp_path / "records-a", "-o", tmp_path / "run", "--eval-share", 0.3, *QUICK)
    topwork("train", "--from", tmp_path / "run", tmp_path / "records-b", "-o", tmp_path / "grown", *QUICK)
    assert labels(tmp_path / "grown") == ["blue", "red", "green"]
    assert all(f"/{label}/" in key for key, label in evaluated(tmp_path / "grown").items())
    assert json.loads(topwork("evaluate", tmp_path / "grown", tmp_path / "b", "--backbone", "sprout", "--json").stdout)["accuracy"] > 0.7


def test_what_does_not_fit_is_refused_with_a_sentence(topwork, run, tmp_path):
    photos, records = made.photos(tmp_path / "photos", 3), made.write_records(tmp_path / "r.tfrecord", [made.example(*row) for row in made.clusters(9)])
    topwork("train", records, "-o", tmp_path / "of-records", *QUICK)

    def refused(*arguments, code):
        sentence = made.one_sentence(topwork("train", *arguments, "-o", tmp_path / "out", code=code))
        assert not (tmp_path / "out" / "model.onnx").exists()
        return sentence

    assert "did you mean blue" in refused("--from", run, "--rename", "blu=x", code=2)
    assert "--merge blue,red=red" in refused("--from", run, "--rename", "blue=red", code=2)
    assert "changed twice" in refused("--from", run, "--rename", "blue=x", "--remove", "blue", code=2)
    assert "name it with --from" in refused(photos, "--remove", "blue", code=2)
    assert "was trained on photos" in refused("--from", run, records, code=2)
    assert "was trained on records" in refused("--from", tmp_path / "of-records", photos, code=2)
    assert "--labels and --from" in refused("--from", run, photos, "--labels", tmp_path / "nosuch", code=2)
    assert "policy" in refused("--from", run, photos, "--ignore-exif", code=4)
    assert "nosuch" in refused("--from", tmp_path / "nosuch", code=4)
    assert "only one class (green)" in refused("--from", run, "--remove", "red", "--remove", "blue", code=4)
    same = made.one_sentence(topwork("train", "--from", run, "-o", run, code=2))
    assert "needs a folder of its own" in same
    wide = made.write_records(tmp_path / "wide.tfrecord", [made.example(*row) for row in made.clusters(9, width=7)])
    assert "two backbones" in refused("--from", tmp_path / "of-records", wide, code=4)
    assert "INPUT" in refused(code=2)


def test_another_backbone_is_refused(topwork, run, inception, tmp_path):
    photos = made.photos(tmp_path / "photos", 3)
    sentence = made.one_sentence(topwork("train", "--from", run, photos, "--backbone", inception, "-o", tmp_path / "out", code=4))
    assert "is not the network" in sentence and "sprout" in sentence
    topwork("train", "--from", run, photos, "--backbone", "sprout", "-o", tmp_path / "good", *QUICK)


def test_damaged_examples_are_named(topwork, run, tmp_path):
    rows = (run / "examples" / "photos.csv").read_text().splitlines()
    (run / "examples" / "photos.csv").write_text("\n".join(rows[:5]) + "\n")
    assert "photos.csv" in made.one_sentence(topwork("train", "--from", run, "-o", tmp_path / "a", code=4))
    (run / "examples" / "photos.csv").unlink()
    assert "photos.csv" in made.one_sentence(topwork("train", "--from", run, "-o", tmp_path / "a", code=4))
    shutil.rmtree(run / "examples")
    assert "examples/" in made.one_sentence(topwork("train", "--from", run, "-o", tmp_path / "a", code=4))


def test_unlabelled_photos_and_an_evaluation_input_come_along(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 8)
    for number in range(8):
        made.photo(photos / f"loose{number}.jpg", made.COLOURS["green"], f"loose {number}")
    asked = made.photos(tmp_path / "asked", 4, seed="asked")
    topwork("train", photos, "--eval", asked, "-o", tmp_path / "a", *QUICK)
    topwork("train", "--from", tmp_path / "a", made.photos(tmp_path / "new", 4, seed="new"), "--eval", made.photos(tmp_path / "more", 2, seed="more"), "-o", tmp_path / "b", *QUICK)
    assert labels(tmp_path / "b") == ["blue", "red", "(unlabelled)"] == labels(tmp_path / "a")
    assert len(evaluated(tmp_path / "b")) == 12 and evaluated(tmp_path / "a").items() <= evaluated(tmp_path / "b").items()
    assert metrics(tmp_path / "b")["growth"]["count"] == 8
