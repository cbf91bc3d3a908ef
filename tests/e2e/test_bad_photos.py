"""Photos that are none, or mean harm: each is named with its reason, the others are used, nothing is left half-written."""
import csv
import json
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import zlib

import numpy as np
import pytest
from PIL import Image


def photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    Image.fromarray(colours).resize((64, 48), Image.BICUBIC).save(path, "JPEG")
    return path


@pytest.fixture
def photos(tmp_path):
    """Two classes of three sound photos."""
    for label in ("cats", "dogs"):
        for i in range(3):
            photo(tmp_path / "photos" / label / f"{i}.jpg", i if label == "cats" else 100 + i)
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model trained on such photos, for predictions."""
    from conftest import ROOT, Topwork
    folder = tmp_path_factory.mktemp("model")
    for label in ("cats", "dogs"):
        for i in range(6):
            photo(folder / "photos" / label / f"{i}.jpg", i if label == "cats" else 100 + i)
    Topwork(os.environ.get("TOPWORK", ROOT / "build" / "topwork"), folder / "cache")("train", folder / "photos", "-o", folder / "run")
    return folder / "run" / "model.onnx"


def bomb(side=60000):
    """A PNG that is small as a file and 3.6 billion pixels large."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = zlib.compress(b"\0" * 1000000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def truncated():
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
        data = photo(pathlib.Path(file.name), 1).read_bytes()
    return data[:len(data) // 2]


BAD = {
    "empty.jpg": (b"", "the file is empty (0 bytes)"),
    "list.jpg": (b"milk\neggs\n", "this is text, not a photo"),
    "cut.jpg": (truncated(), "the JPEG ends too early: it is truncated"),
    "bomb.png": (bomb(), "60000 x 60000 pixels (3600000000), more than the limit of 178956970"),
    "page.jpg": (b"<!DOCTYPE html><p>Not found</p>", "this is an HTML page"),
    "head.webp": (b"RIFF\x10\0\0\0WEBPVP8 \0\0\0\0", "WebP"),
    "magic.bmp": (b"BM" + bytes(12) + struct.pack("<I", 40), "the BMP has no whole header"),
}


def audit(folder):
    with open(folder / "audit.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        return {row["uri"]: row for row in csv.DictReader(file)}


def records(folder):
    return sum(shard["count"] for shard in json.loads((folder / "manifest.json").read_text())["shards"])


def is_whole(folder):
    """No temporary file stays in an output folder."""
    left = [path.name for path in folder.rglob("*") if path.name.startswith(".") and path.name != ".topwork.json"]
    assert left == []


def embeds_all_but(sanitized, photos, uri, words, **options):
    """Embeds; `uri` alone is skipped, with `words` as its reason."""
    out = photos.parent / "out"
    done = sanitized("embed", photos, "-o", out, code=3, timeout=120, **options)
    rows = audit(out)
    assert rows[str(uri)]["status"] == "skipped"
    assert words in rows[str(uri)]["reason"]
    assert "\n" not in rows[str(uri)]["reason"]
    assert [row["uri"] for row in rows.values() if row["status"] != "ok"] == [str(uri)]
    assert records(out) == len(rows) - 1 == 6
    assert "1 skipped" in done.stdout
    is_whole(out)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_are_embedded(sanitized, photos, name):
    content, words = BAD[name]
    (photos / "cats" / name).write_bytes(content)
    embeds_all_but(sanitized, photos, photos / "cats" / name, words)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_and_the_others_are_predicted(sanitized, photos, model, name):
    content, words = BAD[name]
    (photos / name).write_bytes(content)
    done = sanitized("predict", model, photos / name, photos / "cats", code=3)
    sentences = [line for line in done.stderr.splitlines() if name in line]
    assert len(sentences) == 1 and words in sentences[0]
    assert len([line for line in done.stdout.splitlines() if ".jpg" in line]) == 3


def test_predicting_a_bad_file_alone_is_an_unusable_input(sanitized, photos, model):
    (photos / "list.jpg").write_bytes(b"milk\n")
    done = sanitized("predict", model, photos / "list.jpg", code=4)
    assert "this is text" in done.stderr and done.stdout.count("list.jpg") == 0
    assert "this is text" in sanitized("predict", model, "-", input="milk\n", code=4).stderr


def test_a_bad_file_in_json_has_an_error_where_others_have_a_prediction(sanitized, photos, model):
    (photos / "cats" / "list.jpg").write_bytes(b"milk\n")
    lines = [json.loads(line) for line in sanitized("predict", model, photos / "cats", "--json", code=3).stdout.splitlines()]
    assert len(lines) == 4
    assert [pathlib.Path(line["key"]).name for line in lines if "error" in line] == ["list.jpg"]


def test_a_bad_files_name_cannot_move_the_cursor(sanitized, photos, model):
    bad = photos / "cats" / "\x1b[31mred\nline.jpg"
    bad.write_bytes(b"milk\n")
    done = sanitized("predict", model, photos / "cats", code=3)
    assert "\x1b" not in done.stderr and done.stderr.count("\n") == 1
    assert r"\x1b[31mred\x0aline.jpg is skipped: this is text" in done.stderr


def test_allow_skips_makes_the_exit_code_0(sanitized, photos):
    (photos / "cats" / "empty.jpg").touch()
    sanitized("embed", photos, "-o", photos.parent / "out", "--allow-skips", code=0)


def test_photos_that_are_all_bad_are_an_unusable_input_and_leave_no_manifest(sanitized, tmp_path):
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    for name, (content, _) in BAD.items():
        (tmp_path / "photos" / "cats" / name).write_bytes(content)
    done = sanitized("embed", tmp_path / "photos", "-o", tmp_path / "out", code=4)
    assert f"none of the {len(BAD)} photos can be used" in done.stderr
    assert not (tmp_path / "out" / "manifest.json").exists()
    assert len(audit(tmp_path / "out")) == len(BAD)


def test_a_fifo_among_the_photos_does_not_hang(sanitized, photos):
    os.mkfifo(photos / "cats" / "pipe.jpg")
    embeds_all_but(sanitized, photos, photos / "cats" / "pipe.jpg", "it is no regular file")


def test_a_loop_of_folders_is_named_and_ends(sanitized, photos):
    (photos / "cats" / "loop").symlink_to(photos)
    embeds_all_but(sanitized, photos, photos / "cats" / "loop", "link to a folder that is looked through anyway")


def test_a_link_to_itself_is_named(sanitized, photos):
    (photos / "cats" / "self.jpg").symlink_to("self.jpg")
    embeds_all_but(sanitized, photos, photos / "cats" / "self.jpg", "symbolic links")


def test_a_folder_named_like_a_photo_is_named(sanitized, photos):
    (photos / "cats" / "x.jpg").mkdir()
    embeds_all_but(sanitized, photos, photos / "cats" / "x.jpg", "it is a folder, and an empty one")


@pytest.fixture
def as_another_user(tmp_path, sanitized):
    """Runs what follows as a user who may not read everything: root reads all."""
    if os.getuid() != 0:
        return sanitized
    if shutil.which("setpriv") is None:
        pytest.skip("there is no setpriv")
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder).startswith(tempfile.gettempdir() + "/"):
            folder.chmod(0o755)
    (tmp_path / "cache").mkdir(exist_ok=True)
    (tmp_path / "out").mkdir()
    for folder in ("cache", "out"):
        os.chown(tmp_path / folder, 65534, 65534)
    wrapper = tmp_path / "as-another-user"
    wrapper.write_text(f'#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups "{sanitized.binary}" "$@"\n')
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, "help"], capture_output=True).returncode:
        pytest.skip("another user may not run the program where it lies")
    sanitized.binary = str(wrapper)
    return sanitized


def test_an_unreadable_file_is_named(as_another_user, photos):
    bad = photo(photos / "cats" / "secret.jpg", 3)
    bad.chmod(0)
    embeds_all_but(as_another_user, photos, bad, "Permission denied")


def test_an_unreadable_folder_is_named(as_another_user, photos):
    photo(photos / "cats" / "secret" / "in.jpg", 3)
    (photos / "cats" / "secret").chmod(0)
    embeds_all_but(as_another_user, photos, photos / "cats" / "secret", "Permission denied")


ODD_NAMES = [b"with space.jpg", b"line\nbreak.jpg", b"quote\"s, 'and' commas.jpg", b"latin-\xe9.jpg", b"-o.jpg", b"=cmd.jpg", b"%41$s%n.jpg", b"\x1b[31m.jpg", b"n" * 251 + b".jpg"]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_odd_names_are_embedded_and_predicted(sanitized, photos, model, name):
    path = os.path.join(os.fsencode(photos / "cats"), name)
    shutil.copy(photo(photos.parent / "plain.jpg", 9), path)
    sanitized("embed", photos, "-o", photos.parent / "out")
    rows = audit(photos.parent / "out")
    assert len(rows) == records(photos.parent / "out") == 7
    assert os.fsdecode(path) in rows
    done = sanitized("predict", model, os.fsdecode(path), text=False)
    assert done.stdout.count(b"\n") == 2 or done.stdout.count(b"\n") == 1
    assert b"\x1b" not in done.stdout + done.stderr
    lines = sanitized("predict", model, os.fsdecode(path), "--json").stdout.splitlines()
    assert len(lines) == 1 and json.loads(lines[0])["prediction"] in ("cats", "dogs")
