"""Photos that look alike (scaled, recompressed, mirrored, turned copies) stay together: sides of a split, newcomers, --eval."""
import json
import random
import shutil

import made
import pytest
from PIL import Image, ImageOps

CHANGES = {
    "scaled": lambda image: image.resize((150, 110), Image.BICUBIC),
    "mirrored": ImageOps.mirror,
    "turned": lambda image: image.transpose(Image.ROTATE_90),
    "lighter": lambda image: image.point(lambda v: min(255, int(v * 1.15))),
}


@pytest.fixture
def folder(tmp_path):
    """Thirty photos of two classes; every third has near-copies."""
    for label, colour in (("blue", (70, 80, 150)), ("red", (150, 80, 70))):
        for number in range(15):
            path = made.photo(tmp_path / "photos" / label / f"{number:02}.jpg", colour, f"{label}/{number}", (200, 150))
            if number % 3 == 0:
                copy(path)
    return tmp_path / "photos"


def copy(path, names=CHANGES):
    with Image.open(path) as image:
        for name in names:
            CHANGES[name](image).save(path.with_name(f"{path.stem}-{name}.jpg"), quality=70)


def sides(folder):
    """stem of the original -> the sides of it and its near-copies, from the shards of an embed folder."""
    found = {}
    for side in ("train", "eval"):
        for path in folder.glob(f"{side}-*.tfrecord.gz"):
            for record in made.records_of(path):
                name = next(part for part in record.split(b"image_uri", 1)[1].split(b"photos/")[1:])
                name = name[: name.index(b".jpg")].decode()
                found.setdefault(name.split("-")[0], set()).add(side)
    return found


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_near_copies_are_on_the_side_of_their_original(topwork, folder, tmp_path, share):
    topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", share, "--threads", 2)
    found = sides(tmp_path / "out")
    assert len(found) == 30 and all(len(both) == 1 for both in found.values()), found
    assert {"train", "eval"} == set.union(*found.values())
    topwork("embed", folder, "-o", tmp_path / "again", "--eval-share", share, "--threads", 1, "--no-cache")
    assert sides(tmp_path / "again") == found


def test_newcomer_joins_the_side_of_what_it_looks_like_and_moves_nothing(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.4)
    before = sides(tmp_path / "out")
    for path in list(folder.rglob("??.jpg")):
        if int(path.stem) % 3:
            copy(path, ("scaled", "mirrored"))
    topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.4)
    assert sides(tmp_path / "out") == before


def test_training_photo_that_looks_like_an_evaluation_photo_is_named(topwork, folder, tmp_path):
    (tmp_path / "eval" / "blue").mkdir(parents=True)
    (tmp_path / "eval" / "red").mkdir()
    for path in (folder / "blue" / "00-mirrored.jpg", folder / "blue" / "03-scaled.jpg", folder / "red" / "01.jpg"):
        shutil.move(path, tmp_path / "eval" / path.parent.name / path.name)
    done = topwork("train", folder, "--eval", tmp_path / "eval", "-o", tmp_path / "run")
    remarks = {row["uri"]: row["reason"] for row in made.rows(tmp_path / "run" / "audit.csv") if "looks like" in row["reason"]}
    assert len(remarks) == 8  # of each of the two, what is left of its five
    assert all("/eval/blue/0" in remark and "/photos/blue/0" in uri for uri, remark in remarks.items())
    assert "8 of the photos to train on look like evaluation photos" in done.stderr


def test_photos_that_only_share_a_colour_are_no_likenesses(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 40)
    done = topwork("train", folder, "--eval-share", 0.3, "-o", tmp_path / "run")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["count"] > 12
    assert "look" not in done.stderr
