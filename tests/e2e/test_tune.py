"""Kernels by trial: the tune file, and the choice table that a run keeps."""
import json
import os
import subprocess

import made
import pytest

EMBED = ("--no-cache", "-q")


@pytest.fixture
def photos(tmp_path):
    return made.photos(tmp_path / "photos", 4)


def tune_file(topwork):
    files = list((topwork.cache / "topwork").glob("tuning-*.txt"))
    return files[0] if files else None


def rewrite(path, change):
    """Changes rows of a tune file, with a digest that fits."""
    import hashlib
    text = change(path.read_text().rsplit("sha256 ", 1)[0])
    path.write_text(text + "sha256 " + hashlib.sha256(text.encode()).hexdigest() + "\n")


def direct(text):
    """Every convolution by oneDNN: other bits than Winograd's."""
    return "\n".join(line.split(" = ")[0] + " = onednn direct none" if " = " in line else line for line in text.split("\n"))


def choices(folder, name="manifest.json"):
    return json.loads((folder / name).read_text())["choices"]


def test_tune_writes_a_file_that_later_commands_follow(topwork, photos, tmp_path):
    report = json.loads(topwork("backbone", "tune", "sprout", "--tune", "quick", "--json").stdout)
    lines = tune_file(topwork).read_text().splitlines()
    assert lines[0] == "topwork tuning 1" and len([line for line in lines if " = " in line]) == report["shapes"] > 3
    topwork("embed", photos, "-o", tmp_path / "out", *EMBED)
    assert choices(tmp_path / "out") == [line for line in lines if " = " in line]
    profile = topwork("backbone", "info", "sprout", "--profile").stdout
    for line in lines[3:-1]:
        assert line.split(" = ")[1] in profile
    topwork("embed", photos, "-o", tmp_path / "off", "--tune", "off", *EMBED)
    assert choices(tmp_path / "off") == []


def test_nothing_is_tried_unless_asked(topwork, photos, tmp_path):
    topwork("embed", photos, "-o", tmp_path / "out", *EMBED)
    assert tune_file(topwork) is None and choices(tmp_path / "out") == []
    topwork("embed", photos, "-o", tmp_path / "quick", "--tune", "quick", *EMBED)
    assert tune_file(topwork) is not None and len(choices(tmp_path / "quick")) > 3
    before = tune_file(topwork).stat().st_mtime_ns
    topwork("embed", photos, "-o", tmp_path / "again", "--tune", "quick", *EMBED)
    assert tune_file(topwork).stat().st_mtime_ns == before, "what is known is tried again"


@pytest.mark.parametrize("command", ["embed", "train"])
def test_a_folder_goes_on_with_the_table_it_began_with(topwork, photos, tmp_path, command):
    """Begun with every convolution by oneDNN, gone on where the tune file has changed, and where it is gone."""
    topwork("backbone", "tune", "sprout", "--tune", "quick", "-q")
    rewrite(tune_file(topwork), direct)
    arguments = [command, photos, "-o", tmp_path / "run", *EMBED]
    where = "manifest.json" if command == "embed" else "examples/manifest.json"
    topwork(*arguments)
    first, table = made.results(tmp_path / "run"), choices(tmp_path / "run", where)
    assert table and all(row.endswith("onednn direct none") for row in table)
    for name in ("manifest.json", "model.onnx"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    rewrite(tune_file(topwork), lambda text: text.replace("onednn direct none", "vector direct"))
    topwork(*arguments)
    assert made.results(tmp_path / "run") == first
    tune_file(topwork).unlink()
    topwork(*arguments)
    assert made.results(tmp_path / "run") == first
    topwork(command, photos, "-o", tmp_path / "rules", *EMBED)
    assert made.results(tmp_path / "rules") != first, "the table changes no bits: this test tells nothing"
    topwork(*arguments, "--force")
    assert choices(tmp_path / "run", where) == []


def test_a_killed_run_goes_on_with_its_table(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 60)
    topwork("backbone", "tune", "sprout", "--tune", "quick", "-q")
    rewrite(tune_file(topwork), direct)
    topwork("embed", photos, "-o", tmp_path / "whole", *EMBED)
    process = topwork.start("embed", photos, "-o", tmp_path / "run", *EMBED, "--threads", "1")
    while not (tmp_path / "run" / ".unfinished").exists() and process.poll() is None:
        pass
    process.kill()
    process.wait()
    assert not (tmp_path / "run" / "manifest.json").exists()
    tune_file(topwork).unlink()
    topwork("embed", photos, "-o", tmp_path / "run", *EMBED)
    assert choices(tmp_path / "run") == choices(tmp_path / "whole") != []
    records = [path.read_bytes() for path in sorted((tmp_path / "run").glob("*.gz"))]
    assert records == [path.read_bytes() for path in sorted((tmp_path / "whole").glob("*.gz"))]


def test_embeddings_of_two_tables_do_not_mix_in_the_cache(topwork, photos, tmp_path):
    topwork("embed", photos, "-o", tmp_path / "a", "-q")
    topwork("backbone", "tune", "sprout", "--tune", "quick", "-q")
    assert "8 computed, 0 known before" in topwork("embed", photos, "-o", tmp_path / "b").stdout
    assert "0 computed, 8 known before" in topwork("embed", photos, "-o", tmp_path / "c", "--tune", "off").stdout


@pytest.mark.parametrize("change", [direct, lambda text: text])
def test_tables_change_no_bit_with_threads(topwork, photos, tmp_path, change):
    topwork("backbone", "tune", "sprout", "--tune", "quick", "-q")
    rewrite(tune_file(topwork), change)
    topwork("train", photos, "-o", tmp_path / "run", *EMBED)
    one = topwork("predict", tmp_path / "run", photos, "--json", "--threads", "1").stdout
    for threads in (2, 3, 20):  # 20: all of them on each photo in turn
        assert topwork("predict", tmp_path / "run", photos, "--json", "--threads", threads).stdout == one


def test_bad_tune_files_are_passed_over_with_a_sentence(sanitized, photos, tmp_path):
    sanitized("backbone", "tune", "sprout", "--tune", "quick", "-q")
    path = tune_file(sanitized)
    good = path.read_bytes()
    cases = {"nothing": b"", "words": b"hello", "cut": good[:len(good) // 2], "bit": good.replace(b" kernel ", b" kernal ", 1), "zeros": bytes(3000),
             "no rows": good[:17]}
    for name, content in cases.items():
        path.write_bytes(content)
        done = sanitized("embed", photos, "-o", tmp_path / name, "--no-cache")
        warnings = [line for line in done.stderr.splitlines() if "tune file" in line]
        assert len(warnings) == 1 and str(path) in warnings[0] and "fixed rules" in warnings[0], done.stderr
        assert choices(tmp_path / name) == []
    for name, change in {"foreign": lambda text: text.replace("\ncpu ", "\ncpu another ", 1), "stale": lambda text: text.replace("engine topwork engine ", "engine topwork engine 9", 1)}.items():
        path.write_bytes(good)
        rewrite(path, change)
        done = sanitized("embed", photos, "-o", tmp_path / name, "--no-cache")
        assert "of another CPU or another build" in done.stderr and choices(tmp_path / name) == []
    path.write_bytes(good)
    rewrite(path, lambda text: text + "no row\n")
    done = sanitized("embed", photos, "-o", tmp_path / "row", "--no-cache")
    assert "is not KEY = ALGORITHM" in done.stderr and choices(tmp_path / "row") == []


def test_a_damaged_mark_of_a_run_is_named(topwork, photos, tmp_path):
    topwork("embed", photos, "-o", tmp_path / "out", *EMBED)
    mark = tmp_path / "out" / ".topwork.json"
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "choices": ["nonsense"]}))
    done = topwork("embed", photos, "-o", tmp_path / "out", *EMBED, code=4)
    assert "line 1 of the choice table is not KEY = ALGORITHM" in made.one_sentence(done)


def test_where_a_tune_file_cannot_be_written_the_trials_still_count(topwork, photos, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    environment = {**topwork.environment, "XDG_CACHE_HOME": str(blocked)}
    done = subprocess.run([topwork.binary, "embed", photos, "-o", tmp_path / "out", "--tune", "quick", "--no-cache"], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and "what the trials found is not kept" in done.stderr
    assert len(choices(tmp_path / "out")) > 3


def test_tune_wants_sound_arguments(topwork):
    assert "off|quick|full" in topwork("backbone", "tune", "sprout", "--tune", "fast", code=2).stderr
    assert "--tune off" in topwork("backbone", "tune", "sprout", "--tune", "off", code=2).stderr
    assert "sse41|avx2" in topwork("backbone", "info", "sprout", "--max-isa", "avx9", code=2).stderr
