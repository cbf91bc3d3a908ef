"""What `check` finds in photos with planted faults, and what `--corrections` does with a person's answers."""
import csv
import json
import shutil

import made
import pytest
from PIL import Image, ImageOps


@pytest.fixture
def photos(hugs, tmp_path):
    """Eight sound photos a class, without near copies."""
    root = tmp_path / "photos"
    for label in ("hugs", "not_hugs"):
        (root / label).mkdir(parents=True)
        sound = [p for p in sorted((hugs / label).glob("*.jpg")) if Image.open(p).getexif().get(0x0112, 1) == 1]
        for path in sound[:8]:
            shutil.copy(path, root / label)
    return root


def first(photos, label, number=0):
    return sorted((photos / label).glob("*.jpg"))[number]


def found(topwork, photos, *more, code=1):
    """Findings as a set of (kind, name of the photo, name of the other)."""
    report = json.loads(topwork("check", photos, "--json", *more, code=code).stdout)
    name = lambda uri: uri.rsplit("/", 1)[-1] if uri else None
    return {(f["kind"], name(f.get("uri")), name(f.get("other"))) for f in report["findings"]}


def test_sound_photos_have_no_finding(sanitized, photos):
    done = sanitized("check", photos)
    assert "no problem found" in done.stdout
    assert found(sanitized, photos, code=0) == set()


def test_every_planted_fault_is_named(sanitized, photos):
    a, b = photos / "hugs", photos / "not_hugs"
    names = [first(photos, "hugs", i) for i in range(8)]
    image = Image.open(names[0])
    image.resize((image.width * 2 // 3, image.height * 2 // 3)).save(a / "scaled.jpg", quality=70)
    Image.open(names[1]).rotate(-90, expand=True).save(a / "turned.png")
    ImageOps.mirror(Image.open(names[2])).save(b / "mirrored.png")
    shutil.copy(names[3], b / "same.jpg")
    shutil.copy(names[4], a / "zcopy.jpg")
    Image.new("RGB", (200, 150), (9, 9, 9)).save(b / "blank.png")
    Image.open(names[5]).resize((50, 40)).save(a / "small.png")
    (a / "broken.jpg").write_text("hello")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(first(photos, "not_hugs", 0)).rotate(90, expand=True).save(b / "phone.jpg", exif=exif, quality=95)
    assert found(sanitized, photos) == {
        ("near-copy", "scaled.jpg", names[0].name),
        ("near-copy", "turned.png", names[1].name),
        ("near-conflict", "mirrored.png", names[2].name),
        ("conflict", names[3].name, None),
        ("conflict", "same.jpg", None),
        ("copy", "zcopy.jpg", names[4].name),
        ("blank", "blank.png", None),
        ("near-copy", "small.png", names[5].name),
        ("tiny", "small.png", None),
        ("unusable", "broken.jpg", None),
        ("turned", "phone.jpg", None),
        ("near-copy", "phone.jpg", first(photos, "not_hugs", 0).name),
    }


def test_classes_are_counted(topwork, photos):
    (photos / "waving").mkdir()
    shutil.copy(first(photos, "hugs"), photos / "waving" / "x.jpg")
    first(photos, "hugs").unlink()
    kinds = {kind for kind, _, _ in found(topwork, photos)}
    assert kinds == {"small-class"}
    assert "waving: 1 photo" in topwork("check", photos, code=1).stdout


def test_evaluation_photos_that_are_alike_to_training_photos_are_named(topwork, photos, tmp_path):
    held = tmp_path / "held"
    (held / "hugs").mkdir(parents=True)
    Image.open(first(photos, "hugs")).resize((150, 100)).save(held / "hugs" / "again.jpg")
    assert found(topwork, photos, "--eval", held) == {("shared", "again.jpg", first(photos, "hugs").name)}


def test_corrections_relabel_and_leave_out(topwork, photos, tmp_path):
    wrong = photos / "not_hugs" / "wrong.jpg"
    shutil.move(first(photos, "hugs"), wrong)
    shutil.copy(first(photos, "hugs"), photos / "not_hugs" / "same.jpg")
    topwork("check", photos, "-o", tmp_path / "checked", code=1)
    rows = list(csv.DictReader(open(tmp_path / "checked" / "corrections.csv")))
    assert {r["uri"].rsplit("/", 1)[-1]: r["kind"] for r in rows} == {"same.jpg": "conflict", first(photos, "hugs").name: "conflict"}
    for row in rows:
        row["new_label"] = "-" if row["uri"].endswith("same.jpg") else ""
    rows.append({**rows[0], "uri": str(wrong), "new_label": "hugs"})
    decided = tmp_path / "decided.csv"
    with open(decided, "w", newline="") as out:
        writer = csv.DictWriter(out, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    topwork("embed", photos, "--corrections", decided, "-o", tmp_path / "out", "--eval-share", "0", code=3)
    audit = {r["uri"].rsplit("/", 1)[-1]: r for r in csv.DictReader(open(tmp_path / "out" / "audit.csv"))}
    assert audit["wrong.jpg"]["label"] == "hugs"
    assert audit["same.jpg"]["reason"] == "left out by the corrections"
    assert [name for name, row in audit.items() if row["status"] != "ok"] == ["same.jpg"]
    found(topwork, photos, "--corrections", decided, code=0)


def test_quarantine_of_broken_and_blank_photos_is_kept_by_the_next_run(topwork, photos, tmp_path):
    Image.new("RGB", (200, 150), (9, 9, 9)).save(photos / "hugs" / "blank.png")
    (photos / "hugs" / "broken.jpg").write_text("hello")
    topwork("check", photos, "-o", tmp_path / "checked", code=1)
    listed = {row["uri"].rsplit("/", 1)[-1]: row["new_label"] for row in made.rows(tmp_path / "checked" / "quarantine.csv")}
    assert listed == {"blank.png": "-", "broken.jpg": "-"}
    assert not {row["uri"] for row in made.rows(tmp_path / "checked" / "corrections.csv")} & set(listed)
    with open(tmp_path / "checked" / "corrections.csv", "a", newline="") as file:
        csv.writer(file).writerow([first(photos, "hugs", 2), "hugs", "not_hugs", "", "", ""])
    for command in ("embed", "train"):
        done = topwork(command, photos, "-o", tmp_path / command, "--corrections", tmp_path / "checked", code=None)
        assert "corrections: 1 photos relabelled, 2 left out" in done.stderr
        rows = {row["uri"].rsplit("/", 1)[-1]: row for row in made.rows(tmp_path / command / "audit.csv")}
        assert {rows[name]["reason"] for name in listed} == {"left out by the corrections"}
        assert rows[first(photos, "hugs", 2).name]["label"] == "not_hugs"
    missing = topwork("train", photos, "-o", tmp_path / "run", "--corrections", photos, code=None)
    assert missing.returncode == 4 and "holds neither quarantine.csv nor corrections.csv" in made.one_sentence(missing)


def test_guarded_cells_come_back_as_they_were(topwork, photos, tmp_path):
    (photos / "hugs").rename(photos / "-1")
    shutil.copy(first(photos, "-1"), photos / "not_hugs" / "same.jpg")
    topwork("check", ".", "-o", tmp_path / "out", code=1, cwd=photos)
    rows = list(csv.DictReader(open(tmp_path / "out" / "corrections.csv")))
    assert any(row["label"] == "'-1" for row in rows)
    with open(tmp_path / "c.csv", "w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["uri", "new_label"])
        writer.writerows([[row["uri"], "-" if "same" in row["uri"] else row["label"]] for row in rows])
    topwork("embed", photos, "--corrections", tmp_path / "c.csv", "-o", tmp_path / "records", code=3)
    assert (tmp_path / "records" / "labels.txt").read_text() == "-1\nnot_hugs\n"


@pytest.mark.parametrize("text, words", [
    ("photo,label\n", "does not name the columns uri and new_label"),
    ("uri,new_label\nhugs/none.jpg,hugs\n", None),
    ("uri,new_label\n\"open,hugs\n", "line 2"),
])
def test_bad_corrections_get_a_sentence(sanitized, photos, tmp_path, text, words):
    path = tmp_path / "c.csv"
    path.write_text(text)
    done = sanitized("check", photos, "--corrections", path, code=4 if words else 0)
    assert not words or (words in done.stderr and str(path) in done.stderr)


def test_a_folder_without_photos_is_no_input(topwork, tmp_path):
    (tmp_path / "none").mkdir()
    topwork("check", tmp_path / "none", code=4)


def test_planted_wrong_labels_lead_the_list_of_doubts(topwork, hugs, tmp_path):
    """Records of two clusters with three labels swapped: they come first, and nothing else is a suspect."""
    rows = made.clusters(60)
    wrong = {rows[i][0] for i in (5, 20, 41)}
    records = [made.example(key, values, [(labels[0] + 1) % 3] if key in wrong else labels) for key, values, labels in rows]
    shard = made.write_records(tmp_path / "a.tfrecord", records)
    topwork("check", shard, "-o", tmp_path / "out", code=1)
    labels = list(csv.DictReader(open(tmp_path / "out" / "labels.csv")))
    assert len(labels) == len(rows)
    assert {row["uri"] for row in labels[:3]} == wrong
    suspects = {row["uri"] for row in labels if row["is_suspect"] == "yes"}
    assert suspects and suspects <= wrong
    decide = list(csv.DictReader(open(tmp_path / "out" / "corrections.csv")))
    assert {row["uri"] for row in decide} == suspects and all(row["other_label"] != row["label"] for row in decide)


def test_suspects_of_photos_need_a_folder_and_come_with_suggestions(topwork, photos, tmp_path):
    assert "-o" in topwork("check", photos, "--suspects", code=2).stderr
    topwork("check", photos, "--suspects", "-o", tmp_path / "out", code=None)
    labels = list(csv.DictReader(open(tmp_path / "out" / "labels.csv")))
    assert len(labels) == 16
    assert all({row["label"], row["suggested"]} == {"hugs", "not_hugs"} for row in labels)
    shares = [float(row["label_share"]) - float(row["suggested_share"]) for row in labels]
    assert shares == sorted(shares)
