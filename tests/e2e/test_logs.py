"""log.jsonl and `topwork logs`: a run is told as it happens, and what is told stays true when it is killed."""
import json
import os
import signal
import subprocess
import time

import made
import pytest

LONG = ("--steps", "20000", "--hidden", "64", "-q")


@pytest.fixture
def shard(tmp_path):
    return made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters(120, width=64)])


def lines(run):
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def wait_for_points(run, process, count=1):
    log = run / "log.jsonl"
    while not log.exists() or log.read_text().count('{"step"') < count:
        assert process.poll() is None
        time.sleep(0.005)


def test_lines_are_there_while_the_run_works_and_stay_after_kill_9(topwork, shard, tmp_path):
    run = tmp_path / "run"
    process = topwork.start("train", str(shard), "-o", str(run), *LONG)
    wait_for_points(run, process, 3)
    process.kill()
    process.wait()
    found = lines(run)
    assert found[0]["event"] == "start" and [line["step"] for line in found if "step" in line][:3] == [100, 200, 300]
    assert not any(line.get("event") == "end" for line in found)
    done = topwork("logs", run)
    assert "step 300/20000" in done.stdout and "was stopped before its end" in done.stderr


def test_resumed_runs_tell_each_step_once_and_the_same_numbers(topwork, shard, tmp_path):
    steps = ("--steps", 900, "--hidden", 64, "--checkpoint-every", 70, "-q")
    topwork("train", shard, "-o", tmp_path / "whole", *steps)
    run = tmp_path / "run"
    for points in (2, 5, 7):
        process = topwork.start("train", str(shard), "-o", str(run), *map(str, steps))
        wait_for_points(run, process, points)
        process.kill()
        process.wait()
    topwork("train", shard, "-o", run, *steps)
    told = ("step", "train_loss", "train_accuracy", "eval_loss", "eval_accuracy")
    points = lambda folder: [tuple(line[key] for key in told) for line in lines(folder) if "step" in line]
    assert points(run) == points(tmp_path / "whole") and len(points(run)) == 9
    assert [line["event"] for line in lines(run) if line.get("event") in ("start", "end")] == ["start"] * 4 + ["end"]


def test_a_torn_last_line_goes(topwork, shard, tmp_path):
    steps = ("--steps", 200, "--hidden", 8, "-q")
    topwork("train", shard, "-o", tmp_path / "run", *steps)
    before = lines(tmp_path / "run")
    with open(tmp_path / "run" / "log.jsonl", "a") as log:
        log.write('{"step": 3')
    topwork("train", shard, "-o", tmp_path / "run", *steps)
    after = lines(tmp_path / "run")
    assert after[: len(before)] == before and after[len(before)]["event"] == "start"


def test_follow_shows_a_running_job_and_ends_with_it(topwork, shard, tmp_path):
    run = tmp_path / "run"
    process = topwork.start("train", str(shard), "-o", str(run), "--steps", "3000", "--hidden", "64", "-q")
    wait_for_points(run, process)
    follower = topwork.start("logs", str(run), "--follow", stdout=subprocess.PIPE, text=True)
    first = follower.stdout.readline()
    assert "topwork" in first and process.poll() is None
    text, _ = follower.communicate(timeout=120)
    assert process.wait() == 0 and follower.returncode == 0
    assert "step 3000/3000" in text and "examples/s" in text and "left" in text
    last = text.splitlines()[-1]
    assert "done after" in last and "accuracy" in last


def test_follow_ends_when_the_run_is_killed(topwork, shard, tmp_path):
    run = tmp_path / "run"
    process = topwork.start("train", str(shard), "-o", str(run), *LONG)
    wait_for_points(run, process)
    follower = topwork.start("logs", str(run), "--follow", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    follower.stdout.readline()
    process.kill()
    process.wait()
    _, error = follower.communicate(timeout=60)
    assert follower.returncode == 0 and "was stopped before its end" in error


def test_an_interrupted_run_says_so(topwork, shard, tmp_path):
    run = tmp_path / "run"
    process = topwork.start("train", str(shard), "-o", str(run), *LONG)
    wait_for_points(run, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 130
    assert lines(run)[-1]["result"] == "interrupted" and "interrupted at step" in lines(run)[-1]["text"]
    assert "interrupted after" in topwork("logs", run).stdout


def test_json_passes_the_lines_on(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", "--steps", 100, "--hidden", 8, "-q")
    assert topwork("logs", tmp_path / "run", "--json").stdout == (tmp_path / "run" / "log.jsonl").read_text()


def test_two_runs_do_not_write_one_log(topwork, shard, tmp_path):
    run = tmp_path / "run"
    process = topwork.start("train", str(shard), "-o", str(run), *LONG)
    wait_for_points(run, process)
    done = topwork("train", shard, "-o", run, *LONG, code=5)
    assert "another topwork" in made.one_sentence(done)
    process.kill()
    process.wait()


def test_embedding_photos_is_a_stage_of_the_log(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 6)
    topwork("train", folder, "-o", tmp_path / "run", "--steps", 20, "--hidden", 8, "-q")
    stages = [(line["stage"], line["done"], line["total"]) for line in lines(tmp_path / "run") if line.get("event") == "progress"]
    assert ("embed", 12, 12) in stages and ("train", 20, 20) in stages


def test_a_folder_without_a_log_is_named(topwork, tmp_path):
    assert str(tmp_path) in made.one_sentence(topwork("logs", tmp_path, code=4))


def test_hostile_lines_are_shown_harmlessly(sanitized, tmp_path):
    (tmp_path / "log.jsonl").write_bytes(
        b'\x1b[31m not json\n{"step": 5, "total": "x", "train_loss": null}\n{"event": "warning", "text": "\\u001b]0;owned"}\n[]\n\n'
        b'{"event": "end", "seconds": -1e999}\n{"event": "end", "seconds": 1e300, "accuracy": "high"}\n{"event": 7}\n' + b"[" * 5000 + b"\n")
    text = sanitized("logs", tmp_path).stdout
    assert "\x1b" not in text and "\\x1b[31m not json" in text and "step 5" in text
