"""What people hand over as their labelled photos, and what becomes of it."""
import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image


def photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(colours).resize((64, 48), Image.BICUBIC).save(path, "JPEG")
    return path


def audit(folder):
    with open(folder / "audit.csv", newline="") as file:
        return list(csv.DictReader(file))


def embedded(topwork, folder, *arguments, code=0):
    """Embeds and gives audit rows by uri, the last where there are several, and the whole list."""
    topwork("embed", *arguments, "-o", folder, code=code)
    rows = audit(folder)
    return {row["uri"]: row for row in rows}, rows


def sides(topwork, folder):
    """uri to side, from the shards that the manifest names."""
    found = {}
    for shard in json.loads((folder / "manifest.json").read_text())["shards"]:
        text = topwork("records", "cat", folder / shard["name"], "--json").stdout
        for line in filter(None, text.splitlines()):
            found[json.loads(line)["image_uri"][0]] = shard["side"]
    return found


def test_a_csv_of_every_manner_is_understood(topwork, tmp_path):
    for i, name in enumerate(["a.jpg", "b, c.jpg", 'd "e".jpg', "f.jpg", "g.jpg"]):
        photo(tmp_path / name, i)
    (tmp_path / "list.csv").write_bytes(
        b"\xef\xbb\xbfuri,label\r\n a.jpg , rose \r\n\"b, c.jpg\",tulip\r\n\"d \"\"e\"\".jpg\",rose,tulip\r\n\r\nf.jpg,\r\ng.jpg\r\nmissing.jpg,rose\r\n,tulip\r\n")
    rows, listed = embedded(topwork, tmp_path / "out", tmp_path / "list.csv", code=3)
    assert [row["status"] for row in listed] == ["ok"] * 5 + ["skipped"] * 2
    assert rows['d "e".jpg']["label"] == "rose;tulip"
    assert rows["f.jpg"]["reason"] == rows["g.jpg"]["reason"] == "no label"
    assert rows["missing.jpg"]["reason"] == "there is no such file"
    assert "line 9 names no photo" in rows[""]["reason"]
    assert (tmp_path / "out" / "labels.txt").read_text() == "rose\ntulip\n"
    assert (rows["a.jpg"]["width"], rows["a.jpg"]["height"]) == ("64", "48")


def test_dict_txt_fixes_the_ids_and_other_labels_are_unknown(topwork, tmp_path):
    for i in range(3):
        photo(tmp_path / f"{i}.jpg", i)
    (tmp_path / "dict.txt").write_text("tulip\nrose\n")
    (tmp_path / "list.csv").write_text("0.jpg,rose\n1.jpg,tulip,weed\n2.jpg,weed\n")
    rows, _ = embedded(topwork, tmp_path / "out", tmp_path / "list.csv", "--labels", tmp_path / "dict.txt", code=3)
    assert (tmp_path / "out" / "labels.txt").read_text() == "tulip\nrose\n"
    assert rows["1.jpg"]["status"] == "ok" and rows["1.jpg"]["label"] == "tulip"
    assert rows["2.jpg"]["status"] == "skipped" and "unknown label weed" in rows["2.jpg"]["reason"]


def test_one_photo_under_two_labels_is_used_for_neither(topwork, tmp_path):
    photo(tmp_path / "p" / "cats" / "a.jpg", 1)
    photo(tmp_path / "p" / "cats" / "b.jpg", 2)
    photo(tmp_path / "p" / "dogs" / "c.jpg", 3)
    shutil.copy(tmp_path / "p" / "cats" / "b.jpg", tmp_path / "p" / "dogs" / "copy.jpg")
    _, listed = embedded(topwork, tmp_path / "out", tmp_path / "p", code=3)
    assert [row["status"] for row in listed] == ["ok", "skipped", "ok", "skipped"]
    assert "under cats" in listed[3]["reason"] and "b.jpg" in listed[3]["reason"]


@pytest.mark.parametrize("content, words", [
    (b"a.jpg,x\nb\0.jpg,y\n", "line 2 holds a NUL byte"),
    (b"a.jpg,x\n\"b.jpg,y\n", "line 2 has a quote that is never closed"),
])
def test_a_damaged_csv_is_refused_with_its_line_and_nothing_is_written(sanitized, tmp_path, content, words):
    photo(tmp_path / "a.jpg", 1)
    (tmp_path / "list.csv").write_bytes(content)
    done = sanitized("embed", tmp_path / "list.csv", "-o", tmp_path / "out", code=4)
    assert words in done.stderr and "list.csv" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_a_missing_input_is_named(topwork, tmp_path):
    done = topwork("embed", tmp_path / "nowhere", "-o", tmp_path / "out", code=4)
    assert f"there is no file or folder {tmp_path / 'nowhere'}" in done.stderr
    assert not (tmp_path / "out").exists()


def test_copies_stay_on_one_side_and_each_class_has_one_to_evaluate(topwork, tmp_path):
    for label in range(4):
        for i in range(5):
            photo(tmp_path / "p" / str(label) / f"{i}.jpg", label * 10 + i)
        shutil.copy(tmp_path / "p" / str(label) / "0.jpg", tmp_path / "p" / str(label) / "copy.jpg")
    embedded(topwork, tmp_path / "out", tmp_path / "p", "--eval-share", "0.1")
    found = sides(topwork, tmp_path / "out")
    assert len(found) == 24
    for label in range(4):
        of = {uri.rsplit("/", 1)[1]: side for uri, side in found.items() if f"/{label}/" in uri}
        assert set(of.values()) == {"train", "eval"}
        assert of["0.jpg"] == of["copy.jpg"]


def test_adding_photos_moves_none_not_even_those_moved_for_their_class(topwork, tmp_path):
    def add(numbers):
        for label in range(8):
            for i in numbers:
                photo(tmp_path / "p" / str(label) / f"{i}.jpg", label * 100 + i)

    add(range(3))
    embedded(topwork, tmp_path / "out", tmp_path / "p", "--eval-share", "0.1")
    before = sides(topwork, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["kept_on_eval"] != []
    for end in (6, 12):
        add(range(end // 2, end))
        embedded(topwork, tmp_path / "out", tmp_path / "p", "--eval-share", "0.1")
        after = sides(topwork, tmp_path / "out")
        assert len(after) == 8 * end
        assert {uri: after[uri] for uri in before} == before
        before = after
    embedded(topwork, tmp_path / "fresh", tmp_path / "p", "--eval-share", "0.1")
    assert sides(topwork, tmp_path / "fresh") != before, "the kept sides made no difference: the test shows nothing"
