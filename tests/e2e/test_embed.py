"""embed: the same records whatever happens on the way, and nothing computed twice."""
import json
import os
import random
import shutil
import signal
import time

import made
import pytest


@pytest.fixture
def folder(tmp_path):
    return made.photos(tmp_path / "photos", 30)


def cache_files(topwork, kind="embeddings"):
    root = topwork.environment["XDG_CACHE_HOME"]
    return [os.path.join(at, name) for at, _, names in os.walk(root) for name in names if name.startswith(kind)]


def counts(done):
    return json.loads(done.stdout)


def test_writes_what_the_contract_names(topwork, folder, tmp_path):
    (folder / "red" / "broken.jpg").write_bytes(b"no photo")
    made.photo(folder / "loose.png", made.COLOURS["green"], 3)
    done = topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.2, "--json", code=3)
    shown = counts(done)
    assert shown["photos"] == 62 and shown["embedded"] == 61 and shown["skipped"] == 1 and shown["labels"] == 2
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"train-00000-of-00001.tfrecord.gz", "eval-00000-of-00001.tfrecord.gz", "labels.txt", "audit.csv", "manifest.json", ".topwork.json"}
    assert (tmp_path / "out" / "labels.txt").read_text() == "blue\nred\n"
    audit = made.rows(tmp_path / "out" / "audit.csv")
    assert len(audit) == 62 and list(audit[0]) == ["uri", "status", "reason", "width", "height", "label"]
    assert [row["uri"] for row in audit if row["status"] == "skipped" and row["reason"]] == [str(folder / "red" / "broken.jpg")]
    assert all((row["width"], row["height"]) == ("72", "56") for row in audit if row["status"] == "ok")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    total = 0
    for shard in manifest["shards"]:
        records = list(made.records_of(tmp_path / "out" / shard["name"]))
        assert len(records) == shard["count"] and shard["name"].startswith(shard["side"])
        total += len(records)
    assert total == 61 and manifest["labels"] == ["blue", "red"] and manifest["embedding_size"] == 640


def test_skips_cost_the_exit_code_only_where_they_are_not_allowed(topwork, folder, tmp_path):
    (folder / "red" / "broken.jpg").write_bytes(b"")
    assert topwork("embed", folder, "-o", tmp_path / "out", "-q", code=3)
    assert topwork("embed", folder, "-o", tmp_path / "out", "-q", "--allow-skips", code=0)


def test_a_second_run_computes_nothing(topwork, folder, tmp_path):
    first = counts(topwork("embed", folder, "-o", tmp_path / "a", "--json"))
    second = counts(topwork("embed", folder, "-o", tmp_path / "b", "--json"))
    assert (first["computed"], first["reused"]) == (60, 0) and (second["computed"], second["reused"]) == (0, 60)
    shutil.copytree(folder, tmp_path / "moved")
    assert counts(topwork("embed", tmp_path / "moved", "-o", tmp_path / "c", "--json"))["computed"] == 0
    made.photo(folder / "red" / "new.jpg", made.COLOURS["red"], "new")
    assert counts(topwork("embed", folder, "-o", tmp_path / "d", "--json"))["computed"] == 1


def test_another_policy_or_backbone_computes_anew(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "a", "-q")
    assert counts(topwork("embed", folder, "-o", tmp_path / "b", "--ignore-exif", "--json"))["computed"] == 60
    other = tmp_path / "sprout2.onnx"
    source = made.ROOT / "backbones" / "sprout.onnx"
    other.write_bytes(source.read_bytes() + b"\x12\x00")  # an empty producer_name: the same network, another file
    assert counts(topwork("embed", folder, "-o", tmp_path / "c", "--backbone", other, "--json"))["computed"] == 60
    assert len(cache_files(topwork)) == 3


@pytest.fixture
def large(tmp_path, hugs):
    from PIL import Image

    for path in sorted(hugs.glob("*/*[05].jpg")):
        target = tmp_path / "large" / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            image.convert("RGB").resize((1600, 1200), Image.BICUBIC).save(target, quality=92)
    return tmp_path / "large"


def embeddings(topwork, folder):
    shown = topwork("records", "cat", folder / "train-00000-of-00001.tfrecord.gz", "--values", 0).stdout
    return {record["image_uri"][0]: record["embedding"] for record in map(json.loads, shown.splitlines())}


def test_fast_decoding_gives_nearly_the_same_embedding_of_a_large_photo(topwork, large, tmp_path):
    topwork("embed", large, "-o", tmp_path / "whole", "-q")
    shown = counts(topwork("embed", large, "-o", tmp_path / "fast", "--fast-decode", "--json"))
    assert shown["computed"] == shown["photos"] > 5
    assert json.loads((tmp_path / "fast" / "manifest.json").read_text())["policy"]["decode"]["jpeg_least"] == 224
    assert {(row["width"], row["height"]) for row in made.rows(tmp_path / "fast" / "audit.csv")} == {("1600", "1200")}
    whole, fast = embeddings(topwork, tmp_path / "whole"), embeddings(topwork, tmp_path / "fast")
    assert len(whole) == shown["photos"]
    for key, values in whole.items():
        product = sum(a * b for a, b in zip(values, fast[key]))
        assert values != fast[key]
        assert product / (sum(a * a for a in values) * sum(b * b for b in fast[key])) ** 0.5 > 0.99


def test_a_model_decodes_as_it_was_trained_without_being_told(topwork, large, tmp_path):
    topwork("train", large, "--eval-share", 0.4, "-o", tmp_path / "run", "--fast-decode", "-q")
    rows = made.rows(tmp_path / "run" / "predictions.csv")
    found = [json.loads(line) for line in topwork("predict", tmp_path / "run", large, "--json").stdout.splitlines()]
    scores = {answer["key"]: answer["score"] for answer in found}
    assert rows and all(abs(scores[row["key"]] - float(row["score"])) < 1e-5 for row in rows)


def test_threads_and_cache_change_no_byte(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "a", "--threads", 1, "--no-cache", "-q")
    wanted = made.results(tmp_path / "a")
    for number, extra in enumerate((["--threads", 2, "--no-cache"], ["--threads", 2], ["--threads", 7])):
        topwork("embed", folder, "-o", tmp_path / f"b{number}", "-q", *extra)
        assert made.results(tmp_path / f"b{number}") == wanted


def test_no_cache_computes_everything_and_leaves_nothing_beside_the_results(topwork, folder, tmp_path):
    for _ in range(2):
        assert counts(topwork("embed", folder, "-o", tmp_path / "out", "--no-cache", "--json"))["computed"] == 60
    assert not cache_files(topwork) and not (tmp_path / "out" / ".unfinished").exists()


def test_a_damaged_cache_entry_is_noticed_and_computed_again(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "a", "-q")
    (path,) = cache_files(topwork)
    entry = (os.path.getsize(path) - 16) // 60
    with open(path, "r+b") as file:  # a value of the 10th entry's, the key of the 20th
        for at in (16 + 10 * entry + 500, 16 + 20 * entry + 15):
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes([byte[0] ^ 16]))
    done = counts(topwork("embed", folder, "-o", tmp_path / "b", "--json"))
    assert done["computed"] == 2 and done["reused"] == 58
    assert made.results(tmp_path / "b") == made.results(tmp_path / "a")
    assert counts(topwork("embed", folder, "-o", tmp_path / "c", "--json"))["computed"] == 0


def test_a_cache_that_is_cut_or_torn_loses_only_what_is_cut_off(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "a", "-q")
    (path,) = cache_files(topwork)
    entry = (os.path.getsize(path) - 16) // 60
    os.truncate(path, 16 + 40 * entry + 7)
    done = counts(topwork("embed", folder, "-o", tmp_path / "b", "--json"))
    assert done["computed"] == 20 and made.results(tmp_path / "b") == made.results(tmp_path / "a")


def test_a_file_that_is_no_cache_is_moved_aside(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "a", "-q")
    (path,) = cache_files(topwork)
    with open(path, "wb") as file:
        file.write(b"my diary, and long enough to look like something")
    assert "moved to" in topwork("embed", folder, "-o", tmp_path / "b").stderr
    assert made.results(tmp_path / "b") == made.results(tmp_path / "a")
    assert open(f"{path}.foreign", "rb").read().startswith(b"my diary")


def test_a_cache_that_cannot_be_made_costs_a_warning(topwork, folder, tmp_path):
    (tmp_path / "cache").write_text("a file where the cache's folder would be")
    done = topwork("embed", folder, "-o", tmp_path / "out", "--json")
    assert "not kept for later runs" in done.stderr and counts(done)["computed"] == 60
    assert not (tmp_path / "out" / ".unfinished").exists()


def test_copies_are_computed_once_and_recorded_each(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 4)
    shutil.copy(folder / "red" / "00.jpg", folder / "red" / "copy.jpg")
    done = counts(topwork("embed", folder, "-o", tmp_path / "out", "--json"))
    assert done["photos"] == 9 and done["computed"] == 8
    audit = made.rows(tmp_path / "out" / "audit.csv")
    assert len([row for row in audit if row["status"] == "ok"]) == done["embedded"]


def kill_and_go_on(topwork, command, output, kills, span, seed, signals=(signal.SIGKILL,)):
    """Starts the command again and again, ends it at random moments, then lets it finish. Returns how many were really cut."""
    source, cut = random.Random(seed), 0
    for _ in range(kills):
        process = topwork.start(*command, stdout=-1, stderr=-1)
        time.sleep(source.uniform(0, span))
        process.send_signal(source.choice(signals))
        process.communicate()
        cut += process.returncode != 0
        if process.returncode == 0:  # done before the signal: from the beginning
            shutil.rmtree(output)
            shutil.rmtree(topwork.environment["XDG_CACHE_HOME"], ignore_errors=True)
    topwork(*command)
    return cut


def check_kills(topwork, tmp_path, per_class, kills, extra=()):
    folder = made.photos(tmp_path / "photos", per_class)
    (folder / "red" / "broken.jpg").write_bytes(b"no photo")
    command = ["embed", folder, "-o", tmp_path / "out", "--eval-share", 0.2, "-q", "--allow-skips", *extra]
    start = time.monotonic()
    topwork(*command)
    span = time.monotonic() - start
    wanted = made.results(tmp_path / "out")
    shutil.rmtree(tmp_path / "out")
    shutil.rmtree(topwork.environment["XDG_CACHE_HOME"], ignore_errors=True)
    assert kill_and_go_on(topwork, command, tmp_path / "out", kills, 1.1 * span, seed=per_class) > kills / 3
    assert made.results(tmp_path / "out") == wanted


@pytest.mark.parametrize("extra", [(), ("--no-cache",)])
def test_killed_at_random_moments_it_ends_with_the_same_set_of_records(topwork, tmp_path, extra):
    check_kills(topwork, tmp_path, 100, 15, extra)


@pytest.mark.full
def test_killed_at_a_hundred_moments_over_several_shards(topwork, tmp_path):
    check_kills(topwork, tmp_path, 1800, 100)


def test_interrupted_it_says_so_and_the_same_command_goes_on(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 400)
    command = ["embed", folder, "-o", tmp_path / "out", "--threads", 1]
    process = topwork.start(*command, "--progress", "always", stdout=-1, stderr=-1, text=True)
    while not cache_files(topwork):
        assert process.poll() is None
        time.sleep(0.005)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate()
    assert process.returncode == 130 and "the same command goes on from there" in error.splitlines()[-1]
    assert not (tmp_path / "out" / "manifest.json").exists()
    done = counts(topwork(*command, "--json"))
    assert done["embedded"] == 800 and done["reused"] > 0 and done["computed"] + done["reused"] == 800


def test_leftovers_of_a_killed_writer_are_swept(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "out", "-q")
    wanted = made.results(tmp_path / "out")
    (tmp_path / "out" / ".train-00000-of-00001.tfrecord.gz.tw-Ab3dE9").write_bytes(b"half a shard")
    (tmp_path / "out" / "train-00000-of-00002.tfrecord.gz").write_bytes(b"of a run with more photos")
    topwork("embed", folder, "-o", tmp_path / "out", "-q")
    assert made.results(tmp_path / "out") == wanted


def test_hidden_files_of_somebody_else_are_not_swept(topwork, folder, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    names = (".photos.sqlite", ".notes.backup", ".letter.txt.tw-Ab3dE9")
    for name in names:
        (mine / name).write_text("dear")
    made.one_sentence(topwork("embed", folder, "-o", mine, code=4))
    assert all((mine / name).exists() for name in names)
    topwork("embed", folder, "-o", mine, "--force", "-q")
    assert [(mine / name).exists() for name in names] == [True, True, False]


def test_photos_that_cannot_be_used_replace_no_good_records(topwork, folder, tmp_path):
    topwork("embed", folder, "-o", tmp_path / "out", "-q")
    before = made.results(tmp_path / "out")
    (tmp_path / "bad" / "red").mkdir(parents=True)
    (tmp_path / "bad" / "red" / "a.jpg").write_bytes(b"x")
    for wrong in ("bad", "nosuch"):
        topwork("embed", tmp_path / wrong, "-o", tmp_path / "out", "--force", code=4)
        assert made.results(tmp_path / "out") == before
    made.one_sentence(topwork("embed", tmp_path / "bad", "-o", tmp_path / "new", code=4))
    assert [row["status"] for row in made.rows(tmp_path / "new" / "audit.csv")] == ["skipped"]


def test_another_command_or_other_settings_do_not_mix_into_a_folder(topwork, folder, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    assert "not of a `topwork embed`" in made.one_sentence(topwork("embed", folder, "-o", tmp_path / "mine", code=4))
    topwork("embed", folder, "-o", tmp_path / "out", "-q")
    before = made.results(tmp_path / "out")
    assert "other settings" in made.one_sentence(topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.5, code=4))
    assert made.results(tmp_path / "out") == before
    topwork("embed", folder, "-o", tmp_path / "out", "--eval-share", 0.5, "--force", "-q")
    topwork("embed", folder, "-o", tmp_path / "fresh", "--eval-share", 0.5, "-q")
    assert made.results(tmp_path / "out") == made.results(tmp_path / "fresh")
