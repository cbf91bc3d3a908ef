"""Damaged and hostile records: one sentence, the right exit code, no result."""
import gzip
import json
import random
import struct

import made
import pytest

ROWS = made.clusters(12, width=8)


def write(tmp_path, data, name="bad.tfrecord"):
    path = tmp_path / name
    path.write_bytes(data)
    return path


def whole():
    return b"".join(made.frame(made.example(*row)) for row in ROWS)


def refuse(program, path, *, code=4):
    done = program("train", path, "-o", path.parent / "run", "--steps", 2, code=code)
    assert not (path.parent / "run" / "model.onnx").exists()
    return made.one_sentence(done)


def test_a_flipped_bit_anywhere_is_noticed_and_placed(sanitized, tmp_path):
    data, source = whole(), random.Random(5)
    for _ in range(12):
        place = source.randrange(len(data))
        flipped = bytearray(data)
        flipped[place] ^= 1 << source.randrange(8)
        sentence = made.one_sentence(sanitized("records", "check", write(tmp_path, bytes(flipped)), code=4))
        assert "bad.tfrecord: record" in sentence and ("checksum" in sentence or "over the limit" in sentence)


def test_a_flipped_bit_ends_training_with_a_sentence(sanitized, tmp_path):
    flipped = bytearray(whole())
    flipped[len(flipped) // 2] ^= 4
    assert "wrong checksum" in refuse(sanitized, write(tmp_path, bytes(flipped)))


def test_cut_files_are_noticed(sanitized, tmp_path):
    data = whole()
    for size in (1, 11, 12, 40, len(data) - 1):
        assert "is cut" in refuse(sanitized, write(tmp_path, data[:size]))
    packed = gzip.compress(data, 1)
    for size in (3, 20, len(packed) // 2, len(packed) - 5):
        assert "ends early" in refuse(sanitized, write(tmp_path, packed[:size], "bad.tfrecord.gz"))


def test_damaged_gzip_data_is_noticed(sanitized, tmp_path):
    packed = bytearray(gzip.compress(whole(), 1))
    packed[len(packed) // 2] ^= 255
    packed[len(packed) // 2 + 1] ^= 255
    sentence = refuse(sanitized, write(tmp_path, bytes(packed), "bad.tfrecord.gz"))
    assert "gzip" in sentence or "checksum" in sentence or "is cut" in sentence


def test_a_text_of_the_name_is_no_tfrecord_file(sanitized, tmp_path):
    assert "is no TFRecord file" in refuse(sanitized, write(tmp_path, b"uri,label and some more of it\n"))


def test_a_length_beyond_the_limit_asks_for_no_memory(sanitized, tmp_path):
    head = struct.pack("<Q", 1 << 60)
    data = head + struct.pack("<I", made.masked_crc(head)) + b"x" * 100
    assert "over the limit" in refuse(sanitized, write(tmp_path, data))


@pytest.mark.parametrize(
    "row, words",
    [
        (("a.jpg", [1.0] * 3 + [float("nan")] + [1.0] * 4, [0]), "embedding value 3 is not a number"),
        (("a.jpg", [1.0] * 7 + [float("-inf")], [0]), "embedding value 7 is infinite"),
        (("a.jpg", [1.0] * 9, [0]), "an embedding of 9 values, those before it have 8"),
        (("a.jpg", [], [0]), "has no embedding"),
        (("a.jpg", [1.0] * 8, [-1]), "label -1"),
        (("a.jpg", [1.0] * 8, [1 << 40]), "label 1099511627776"),
    ],
)
def test_a_record_that_cannot_be_learnt_from_is_named(sanitized, tmp_path, row, words):
    path = made.write_records(tmp_path / "bad.tfrecord", [made.example(*r) for r in [*ROWS, row]])
    sentence = refuse(sanitized, path)
    assert words in sentence and ("record 12" in sentence or "record a.jpg" in sentence)


def test_random_bytes_in_sound_frames_do_no_harm(sanitized, tmp_path):
    source = random.Random(7)
    for number in range(6):
        record = bytearray(made.example(*ROWS[0]))
        for _ in range(number + 1):
            record[source.randrange(len(record))] = source.randrange(256)
        path = made.write_records(tmp_path / "bad.tfrecord", [source.randbytes(60), bytes(record)])
        made.one_sentence(sanitized("records", "check", path, code=4))
        sanitized("records", "cat", path, code=None)


def test_empty_files_and_folders_are_named(sanitized, tmp_path):
    assert "holds no record" in refuse(sanitized, write(tmp_path, b""))
    assert "holds no record" in refuse(sanitized, write(tmp_path, gzip.compress(b""), "b.tfrecord.gz"))


def test_one_class_is_too_few(sanitized, tmp_path):
    path = made.write_records(tmp_path / "one.tfrecord", [made.example(uri, values, [0]) for uri, values, _ in ROWS])
    assert "only one class (0)" in refuse(sanitized, path)


def test_no_label_at_all_is_named(sanitized, tmp_path):
    path = made.write_records(tmp_path / "none.tfrecord", [made.example(uri, values) for uri, values, _ in ROWS])
    assert "no example has a label" in refuse(sanitized, path)


def test_labels_beyond_the_dictionary_are_named(sanitized, tmp_path):
    path = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in ROWS])
    (tmp_path / "dict.txt").write_text("one\ntwo\n")
    done = sanitized("train", path, "--labels", tmp_path / "dict.txt", "-o", tmp_path / "run", code=4)
    assert "label 2" in made.one_sentence(done)


def test_evaluation_records_of_another_width_are_named(sanitized, tmp_path):
    path = made.write_records(tmp_path / "a.tfrecord", [made.example(*row) for row in ROWS])
    other = made.write_records(tmp_path / "b.tfrecord", [made.example(*row) for row in made.clusters(6, width=9)])
    sentence = made.one_sentence(sanitized("train", path, "--eval", other, "-o", tmp_path / "run", code=4))
    assert "9 values" in sentence and "8" in sentence


@pytest.mark.parametrize("damage", ["[]", "{", "", '{"version": 7}', '{"version": 1}'])
def test_a_damaged_manifest_is_named(sanitized, tmp_path, damage):
    (tmp_path / "in").mkdir()
    made.write_records(tmp_path / "in" / "a.tfrecord", [made.example(*ROWS[0])])
    (tmp_path / "in" / "manifest.json").write_text(damage)
    assert "manifest.json" in made.one_sentence(sanitized("train", tmp_path / "in", "-o", tmp_path / "run", code=4))


def test_a_manifest_that_leaves_its_folder_is_refused(sanitized, tmp_path):
    sanitized("embed", made.photos(tmp_path / "photos", 2), "-o", tmp_path / "in", "-q")
    manifest = json.loads((tmp_path / "in" / "manifest.json").read_text())
    manifest["shards"][0]["name"] = "../" + manifest["shards"][0]["name"]
    (tmp_path / "in" / "manifest.json").write_text(json.dumps(manifest))
    assert "leaves the folder" in made.one_sentence(sanitized("train", tmp_path / "in", "-o", tmp_path / "run", code=4))
