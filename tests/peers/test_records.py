"""Records between topwork and TensorFlow, both ways, and Beam's."""
import gzip
import importlib.util
import json
import os
import pathlib
import sys

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import numpy as np
import tensorflow as tf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import made


def example(uri, embedding, labels):
    features = {
        "image_uri": tf.train.Feature(bytes_list=tf.train.BytesList(value=[uri.encode()])),
        "embedding": tf.train.Feature(float_list=tf.train.FloatList(value=embedding)),
    }
    if labels:
        features["label"] = tf.train.Feature(int64_list=tf.train.Int64List(value=labels))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True)


def shown(topwork, *files):
    return [json.loads(line) for line in topwork("records", "cat", *files, "--values", 0).stdout.splitlines()]


def check(found, rows):
    assert [(row["image_uri"], row.get("label", [])) for row in found] == [([uri], labels) for uri, _, labels in rows]
    for row, (_, embedding, _) in zip(found, rows):
        assert np.array_equal(np.float32(row["embedding"]), np.float32(embedding))


ROWS = [*made.clusters(40), ("unlabelled.jpg", [1.5] * 16, []), ("two.jpg", [-2.0] * 16, [0, 3000000000]), ("ü.jpg", [0.1] * 16, [7])]


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_what_tensorflow_writes_is_read(topwork, tmp_path, compression):
    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression_type=compression)) as writer:
        for row in ROWS:
            writer.write(example(*row))
    check(shown(topwork, path), ROWS)


def test_what_topwork_writes_tensorflow_reads_and_would_write_byte_for_byte(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 6)
    made.photo(folder / "loose.jpg", made.COLOURS["green"], 1)
    topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.3, "-q")
    manifest, total = json.loads((tmp_path / "out" / "manifest.json").read_text()), 0
    for shard in manifest["shards"]:
        for record in tf.data.TFRecordDataset(str(tmp_path / "out" / shard["name"]), compression_type="GZIP").as_numpy_iterator():
            feature = tf.train.Example.FromString(record).features.feature
            embedding, labels = list(feature["embedding"].float_list.value), list(feature["label"].int64_list.value) if "label" in feature else []
            uri = feature["image_uri"].bytes_list.value[0].decode()
            assert record == example(uri, embedding, labels) and len(embedding) == 640
            assert [manifest["labels"][label] for label in labels] == ([] if "loose" in uri else [pathlib.Path(uri).parent.name])
            total += 1
    assert total == 13


def test_flower_records_that_tensorflow_wrote_are_read_to_the_last_bit(topwork, flowers):
    path = flowers / "eval-00000-of-00001.tfrecord.gz"
    assert topwork("records", "check", *sorted(flowers.glob("*.tfrecord.gz"))).stdout.count("  ok\n") == 4
    rows = []
    for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP").as_numpy_iterator():
        feature = tf.train.Example.FromString(record).features.feature
        rows.append((feature["image_uri"].bytes_list.value[0].decode(), feature["embedding"].float_list.value, list(feature["label"].int64_list.value)))
    assert len(rows) == 367
    check(shown(topwork, path), rows)


def test_damage_is_seen_by_both(topwork, tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for row in ROWS:
            writer.write(example(*row))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(tf.errors.DataLossError):
        list(tf.data.TFRecordDataset(str(path)))
    topwork("records", "check", path, code=4)


@pytest.mark.full
@pytest.mark.parametrize("suffix", [".tfrecord", ".tfrecord.gz"])
def test_what_beam_writes_is_read_and_trained_on(topwork, tmp_path, suffix):
    if importlib.util.find_spec("apache_beam") is None:
        pytest.skip("apache-beam is not installed")
    import apache_beam as beam

    rows = made.clusters(60)
    with beam.Pipeline() as pipeline:
        _ = pipeline | beam.Create([example(*row) for row in rows]) | beam.io.WriteToTFRecord(str(tmp_path / "train"), file_name_suffix=suffix, num_shards=3)
    files = sorted(tmp_path.glob(f"train-*-of-00003{suffix}"))
    assert len(files) == 3
    check(sorted(shown(topwork, *files), key=lambda row: row["image_uri"]), rows)
    topwork("train", tmp_path / "train-*", "-o", tmp_path / "run", "--steps", 20, "-q")
