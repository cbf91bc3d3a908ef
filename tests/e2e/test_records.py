"""TFRecord files: looking into them, and training on other people's."""
import gzip
import json
import math
import resource
import subprocess

import made
import pytest


@pytest.fixture
def shard(tmp_path):
    return made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters()])


def test_count_and_check_say_how_many_records_each_file_has(topwork, shard, tmp_path):
    plain = made.write_records(tmp_path / "b.tfrecord", [made.example(*row) for row in made.clusters(5)])
    assert topwork("records", "count", shard, plain).stdout == f"60  {shard}\n5  {plain}\n"
    assert topwork("records", "check", shard, plain).stdout == f"60  {shard}  ok\n5  {plain}  ok\n"


def test_cat_prints_one_json_object_a_record(topwork, shard):
    lines = topwork("records", "cat", shard, "--values", "0").stdout.splitlines()
    assert len(lines) == 60
    for line, (uri, embedding, labels) in zip(lines, made.clusters()):
        shown = json.loads(line)
        assert shown["image_uri"] == [uri] and shown["label"] == labels
        assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(shown["embedding"], embedding, strict=True))
    assert json.loads(topwork("records", "cat", shard, "--values", "2").stdout.splitlines()[0])["embedding"][2:] == ["... 16 in all"]


def test_cat_ends_quietly_in_a_closed_pipe(topwork, tmp_path):
    many = made.write_records(tmp_path / "many.tfrecord", [made.example(*row) for row in made.clusters(600)])
    process = topwork.start("records", "cat", many, "--values", "0", stdout=-1, stderr=-1)
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read().decode()
    assert process.wait() == 5 and error == ""


def test_unpacked_lists_and_several_gzip_members_read_as_packed_ones_and_one(topwork, tmp_path):
    rows = made.clusters(20)
    usual = made.write_records(tmp_path / "usual.tfrecord", [made.example(*row) for row in rows])
    frames = [made.frame(made.example(*row, packed=False)) for row in rows]
    odd = tmp_path / "odd.tfrecord.gz"
    data = b"".join(frames)
    odd.write_bytes(gzip.compress(data[:1001]) + gzip.compress(b"") + gzip.compress(data[1001:]))
    shown = [topwork("records", "cat", path, "--values", "0").stdout for path in (usual, odd)]
    assert shown[0] == shown[1] and shown[0].count("\n") == 20


def test_foreign_records_give_a_model_of_the_head_alone(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", "--steps", 300, "-q")
    metrics = json.loads(topwork("evaluate", tmp_path / "run", shard, "--json").stdout)
    assert metrics["count"] == 60 and metrics["accuracy"] > 0.95 and metrics["labels"] == ["0", "1", "2"]
    assert not (tmp_path / "run" / "examples" / "manifest.json").exists()


def test_photos_are_refused_until_a_backbone_is_named_and_then_it_is_said_that_no_digest_was_compared(topwork, tmp_path):
    photo = made.photo(tmp_path / "new.jpg", made.COLOURS["red"], 1)
    rows = made.clusters(30, width=640)
    foreign = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in rows])
    topwork("train", foreign, "-o", tmp_path / "run", "--steps", 5, "-q")
    assert "--backbone" in made.one_sentence(topwork("predict", tmp_path / "run", photo, code=2))
    done = topwork("predict", tmp_path / "run", photo, "--backbone", "sprout")
    assert "no digest could be compared" in done.stderr and str(photo) in done.stdout


def test_a_backbone_of_another_width_or_digest_is_refused(topwork, tmp_path, shard):
    photo = made.photo(tmp_path / "new.jpg", made.COLOURS["red"], 1)
    topwork("train", shard, "-o", tmp_path / "narrow", "--steps", 5, "-q")
    sentence = made.one_sentence(topwork("predict", tmp_path / "narrow", photo, "--backbone", "sprout", code=4))
    assert "640" in sentence and "16" in sentence
    topwork("embed", made.photos(tmp_path / "photos"), "-o", tmp_path / "embedded", "-q")
    manifest = tmp_path / "embedded" / "manifest.json"
    digest = json.loads(manifest.read_text())["backbone_digest"]
    manifest.write_text(manifest.read_text().replace(digest, "ab" * 32))
    topwork("train", tmp_path / "embedded", "-o", tmp_path / "other", "--steps", 5, "-q")
    assert "digests differ" in made.one_sentence(topwork("predict", tmp_path / "other", photo, "--backbone", "sprout", code=4))


def test_embedded_records_and_their_backbone_predict_as_photos_do(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos")
    topwork("embed", folder, "-o", tmp_path / "embedded", "-q")
    topwork("train", tmp_path / "embedded", "-o", tmp_path / "run", "--steps", 50, "-q")
    done = topwork("predict", tmp_path / "run", folder / "red", "--backbone", "sprout", "--json")
    assert not done.stderr and [json.loads(line)["prediction"] for line in done.stdout.splitlines()] == ["red"] * 8


def test_records_without_sides_keep_one_of_each_class_aside_and_adding_some_moves_none(topwork, tmp_path):
    def evaluated(rows, name):
        shard = made.write_records(tmp_path / f"{name}.tfrecord.gz", [made.example(*row) for row in rows])
        topwork("train", shard, "-o", tmp_path / name, "--steps", 2, "-q")
        return {row["key"]: row["label"] for row in made.rows(tmp_path / name / "predictions.csv")}

    five_a_class = evaluated(made.clusters(15), "few")
    assert set(five_a_class.values()) == {"0", "1", "2"} and len(five_a_class) < 10
    before = evaluated(made.clusters(200), "before")
    after = evaluated(made.clusters(200) + made.clusters(100, prefix="new"), "after")
    assert set(before) == {key for key in after if key.startswith("photo")}


class TestManifest:
    @pytest.fixture
    def embedded(self, topwork, tmp_path):
        topwork("embed", made.photos(tmp_path / "photos"), "-o", tmp_path / "embedded", "--eval-share", 0.3, "-q")
        return tmp_path / "embedded"

    def refuse(self, topwork, *inputs, code=4):
        output = inputs[0].parent / "refused"
        return made.one_sentence(topwork("train", *inputs, "-o", output, "--steps", 2, code=code))

    def test_its_sides_are_kept_by_training(self, topwork, embedded, tmp_path):
        topwork("train", embedded, "-o", tmp_path / "run", "--steps", 2, "-q")
        shards = json.loads((embedded / "manifest.json").read_text())["shards"]
        assert {shard["side"] for shard in shards} == {"train", "eval"}
        count = sum(shard["count"] for shard in shards if shard["side"] == "eval")
        assert len(made.rows(tmp_path / "run" / "predictions.csv")) == count > 0

    def test_a_shard_that_it_does_not_describe_is_refused(self, topwork, embedded):
        shard = embedded / "train-00000-of-00001.tfrecord.gz"
        made.write_records(shard, list(made.records_of(shard))[1:])
        assert "is not the shard that its manifest names" in self.refuse(topwork, embedded)

    def test_a_file_of_another_run_in_its_folder_is_refused(self, topwork, embedded, shard):
        stray = embedded / "train-00000-of-00009.tfrecord.gz"
        stray.write_bytes(shard.read_bytes())
        assert "is of another run" in self.refuse(topwork, stray)
        assert "is of another run" in self.refuse(topwork, embedded / "train-*.gz")

    def test_records_with_and_without_one_are_not_mixed(self, topwork, embedded, shard):
        assert "some records have a manifest and some have none" in self.refuse(topwork, embedded, shard)

    def test_records_of_two_ways_to_read_photos_are_not_mixed(self, topwork, embedded, tmp_path):
        topwork("embed", tmp_path / "photos", "-o", tmp_path / "upright", "--ignore-exif", "-q")
        assert "cannot be mixed" in self.refuse(topwork, embedded, tmp_path / "upright")

    def test_a_folder_without_one_that_embed_has_begun_is_refused(self, topwork, embedded):
        (embedded / "manifest.json").unlink()
        assert "has not finished" in self.refuse(topwork, embedded)
        assert "has not finished" in self.refuse(topwork, embedded / "train-00000-of-00001.tfrecord.gz")

    def test_the_same_file_twice_is_refused(self, topwork, shard):
        assert "given twice" in self.refuse(topwork, shard, shard, code=2)


def test_a_record_whose_scores_are_no_numbers_is_named(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", "--steps", 20, "--learning-rate", 10, "-q")
    rows = made.clusters(4) + [("far-away.jpg", [3e38, -3e38] * 8, [0])]
    far = made.write_records(tmp_path / "far.tfrecord", [made.example(*row) for row in rows])
    line = made.one_sentence(topwork("evaluate", tmp_path / "run", far, code=4))
    assert "record far-away.jpg" in line and "no finite number" in line


@pytest.mark.parametrize("classes, options, words", [
    (("blue", "green"), (), "other labels"),
    (("blue",), (), "other labels"),
    (("blue", "red"), ("--ignore-exif",), "another image policy"),
])
def test_evaluation_records_of_other_labels_or_another_policy_are_refused(topwork, tmp_path, classes, options, words):
    topwork("embed", made.photos(tmp_path / "a", 3), "-o", tmp_path / "ra", "-q")
    topwork("embed", made.photos(tmp_path / "b", 3, classes, seed="b"), "-o", tmp_path / "rb", "-q", *options)
    line = made.one_sentence(topwork("train", tmp_path / "ra", "--eval", tmp_path / "rb", "-o", tmp_path / "run", "--steps", 3, code=4))
    assert words in line and str(tmp_path / "rb") in line and not (tmp_path / "run").exists()


def test_records_and_photos_together_are_refused(topwork, shard, tmp_path):
    folder = made.photos(tmp_path / "photos", 2)
    assert "one kind at a time" in made.one_sentence(topwork("train", shard, folder, "-o", tmp_path / "run", code=2))


def test_an_embed_folder_is_looked_at_shard_by_shard(topwork, hugs, tmp_path):
    topwork("embed", hugs, "-o", tmp_path / "out", "--eval-share", "0.2")
    lines = topwork("records", "count", tmp_path / "out").stdout.splitlines()
    counts = {line.split()[1].rsplit("/", 1)[-1]: int(line.split()[0]) for line in lines}
    assert set(counts) == {"eval-00000-of-00001.tfrecord.gz", "train-00000-of-00001.tfrecord.gz"}
    assert sum(counts.values()) == 128
    (tmp_path / "none").mkdir()
    assert "holds no TFRecord file" in topwork("records", "count", tmp_path / "none", code=4).stderr


def test_a_limit_on_file_sizes_is_a_sentence(topwork, hugs, tmp_path):
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20480, 20480))
    done = topwork("embed", hugs, "-o", tmp_path / "out", "--no-cache", code=5, preexec_fn=limit)
    assert "File too large" in done.stderr
