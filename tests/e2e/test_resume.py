"""Killed, interrupted and failing runs: the same command goes on to the same bytes; a system that says no leaves nothing half-written."""
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time

import made
import pytest

STEPS = ("--steps", 600, "--hidden", 64, "--batch", 50, "--checkpoint-every", 40, "-q")


@pytest.fixture
def shard(tmp_path):
    return made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters(120, width=64)])


def test_training_killed_at_random_steps_ends_with_the_same_bytes(topwork, shard, tmp_path):
    start = time.monotonic()
    topwork("train", shard, "-o", tmp_path / "whole", *STEPS)
    span, source, cut = time.monotonic() - start, random.Random(3), 0
    wanted = made.results(tmp_path / "whole")
    for _ in range(12):
        process = topwork.start("train", shard, "-o", tmp_path / "run", *map(str, STEPS), "--threads", str(source.randint(1, 3)), stdout=-1, stderr=-1)
        time.sleep(source.uniform(0.1, 0.6) * span)
        process.kill()
        process.communicate()
        cut += process.returncode != 0
    assert cut >= 3
    done = topwork("train", shard, "-o", tmp_path / "run", *STEPS)
    assert made.results(tmp_path / "run") == wanted
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) <= 3  # one more where the kill fell between writing and tidying


def test_early_stopping_killed_at_random_steps_ends_with_the_same_bytes(topwork, shard, tmp_path):
    options = ("--steps", 4000, "--hidden", 64, "--batch", 50, "--checkpoint-every", 30, "--patience", 8, "--schedule", "cosine", "--keep", 3)
    start = time.monotonic()
    topwork("train", shard, "-o", tmp_path / "whole", *options)
    span, source, cut = time.monotonic() - start, random.Random(5), 0
    points = [json.loads(line) for line in (tmp_path / "whole" / "log.jsonl").read_text().splitlines() if '"step"' in line]
    assert points[-1]["step"] < 4000  # it stopped early
    for _ in range(8):
        process = topwork.start("train", shard, "-o", tmp_path / "run", *map(str, options), "-q", stdout=-1, stderr=-1)
        time.sleep(source.uniform(0.05, 0.5) * span)
        process.kill()
        process.communicate()
        cut += process.returncode != 0
    assert cut >= 2
    topwork("train", shard, "-o", tmp_path / "run", *options)
    assert made.results(tmp_path / "run") == made.results(tmp_path / "whole")


def test_a_choice_that_was_killed_goes_on_from_what_it_had_judged(topwork, tmp_path):
    rows = made.write_records(tmp_path / "b.tfrecord.gz", [made.example(*row) for row in made.clusters(900, width=200)])
    start = time.monotonic()
    topwork("train", rows, "-o", tmp_path / "whole", "-q")
    span, source, kept = time.monotonic() - start, random.Random(7), 0
    for _ in range(6):
        process = topwork.start("train", rows, "-o", tmp_path / "run", "-q", stdout=-1, stderr=-1)
        time.sleep(source.uniform(0.2, 0.7) * span)
        process.kill()
        process.communicate()
        kept = max(kept, len(list((tmp_path / "run").glob("checkpoints/*.twc"))))
        if process.returncode == 0:
            break
    assert kept >= 2
    topwork("train", rows, "-o", tmp_path / "run", "-q")
    assert made.results(tmp_path / "run") == made.results(tmp_path / "whole")
    assert not list((tmp_path / "run").glob("checkpoints/*.twc"))  # of no use any more


@pytest.mark.parametrize("kept", [1, 4])
def test_as_many_checkpoints_stay_as_are_asked_for(topwork, shard, tmp_path, kept):
    topwork("train", shard, "-o", tmp_path / "run", *STEPS, "--keep", kept)
    steps = sorted(int(path.stem.split("-")[1]) for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert steps == [600 - 40 * i for i in reversed(range(kept))]


def test_checkpoints_come_by_seconds_too(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", "--steps", 300, "--hidden", 32, "--checkpoint-seconds", 0.001, "--keep", 1000)
    assert len(list((tmp_path / "run" / "checkpoints").iterdir())) > 5


@pytest.mark.parametrize("options, words", [
    (("--steps", 10, "--epochs", 2), "--epochs and --steps"),
    (("--momentum", 0.5), "--momentum is for --optimizer sgd"),
    (("--weight-decay", 0.5), "--weight-decay is for --optimizer adamw"),
    (("--steps", 10, "--patience", 2), "patience"),
    (("--optimizer", "lion"), "adam|adamw|sgd"),
])
def test_options_of_the_workshop_that_do_not_go_together_are_refused(topwork, shard, tmp_path, options, words):
    error = topwork("train", shard, "-o", tmp_path / "run", *options, code=2).stderr
    assert words in error and error.count("\n") == 1, error


def test_interrupted_training_goes_on_from_its_very_step(topwork, shard, tmp_path):
    process = topwork.start("train", shard, "-o", tmp_path / "run", "--steps", "20000", "--hidden", "64", stdout=-1, stderr=-1, text=True)
    log = tmp_path / "run" / "log.jsonl"
    while not (log.exists() and '{"step"' in log.read_text()):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate()
    assert process.returncode == 130 and "interrupted at step " in error
    step = int(error.split("interrupted at step ")[1].split()[0])
    assert (tmp_path / "run" / "checkpoints" / f"step-{step:08}.twc").exists()
    assert not (tmp_path / "run" / "model.onnx").exists()


def test_damaged_checkpoints_are_named_and_passed_over(topwork, shard, tmp_path):
    topwork("train", shard, "-o", tmp_path / "run", *STEPS)
    wanted = made.results(tmp_path / "run")
    newest = max((tmp_path / "run" / "checkpoints").iterdir())
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(data)
    done = topwork("train", shard, "-o", tmp_path / "run", "--steps", 600, "--hidden", 64, "--batch", 50, "--checkpoint-every", 40)
    assert f"{newest} is passed over: its checksum does not fit" in done.stderr and "going on from step 560" in done.stderr
    assert made.results(tmp_path / "run") == wanted


def test_checkpoints_of_other_photos_are_not_gone_on_from_and_do_not_stay(topwork, tmp_path):
    shard = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters(50)])
    command = ["train", shard, "-o", tmp_path / "run", "--steps", 100, "--checkpoint-every", 30]
    topwork(*command)
    made.write_records(shard, [made.example(*row) for row in made.clusters(60)])
    done = topwork(*command)
    assert "it is of another training" in done.stderr and "going on" not in done.stderr
    topwork("train", shard, "-o", tmp_path / "fresh", *command[4:])
    assert made.results(tmp_path / "run") == made.results(tmp_path / "fresh")
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"step-00000060.twc", "step-00000090.twc"}


@pytest.mark.parametrize("command", ["train", "embed"])
def test_every_failing_write_leaves_nothing_half_written(topwork, tmp_path, command):
    """A file may not grow beyond a limit that rises from run to run: each write fails once, with one sentence and exit 5."""
    folder = made.photos(tmp_path / "photos", 20)
    arguments = [command, folder, "-o", tmp_path / "run", *(["--steps", 20, "--hidden", 16, "--checkpoint-every", 10] if command == "train" else [])]
    topwork(*arguments, "-q")
    wanted = made.results(tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    failures = 0
    for limit in (0, 100, 300, 900, 2000, 9000, 30_000, 60_000, 100_000, 1_000_000):
        done = subprocess.run(
            [topwork.binary, *map(str, arguments), "-q"],
            env=topwork.environment, capture_output=True, text=True,
            preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))),
        )
        if done.returncode:
            failures += 1
            assert done.returncode == 5, done.stderr
            assert "cannot write" in made.one_sentence(done) and "File too large" in done.stderr
        for name, data in made.results(tmp_path / "run").items():
            assert data == wanted.get(name), f"{name} is half-written at a limit of {limit}"
    assert failures >= 5
    topwork(*arguments, "-q")
    assert made.results(tmp_path / "run") == wanted


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(topwork, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    try:
        folder = made.photos(tmp_path / "photos", 40)
        done = topwork("embed", folder, "-o", disk / "out", "-q", code=5)
        assert "No space left on device" in made.one_sentence(done)
        assert not (disk / "out" / "manifest.json").exists() and not list((disk / "out").glob("*.gz"))
        subprocess.run(["mount", "-o", "remount,size=4m", disk], check=True)
        topwork("embed", folder, "-o", disk / "out", "-q")
        topwork("embed", folder, "-o", tmp_path / "out", "-q")
        assert made.results(disk / "out") == made.results(tmp_path / "out")
    finally:
        subprocess.run(["umount", disk], check=True)


def test_unwritable_places_are_the_systems_no(topwork, tmp_path, shard):
    folder = made.photos(tmp_path / "photos", 3)
    (tmp_path / "file").write_text("")
    for command, source in (("train", shard), ("embed", folder)):
        for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nowhere"):
            assert str(place).startswith("/") and "output folder" in made.one_sentence(topwork(command, source, "-o", place, code=5))


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is needed to be refused")
def test_a_folder_of_somebody_else_is_the_systems_no(topwork, tmp_path, shard):
    for path in (tmp_path, *tmp_path.parents):
        if path.is_relative_to("/tmp") and path != path.parent and str(path) != "/tmp":
            path.chmod(path.stat().st_mode | 0o055)
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o755)
    program = tmp_path / "topwork"  # where the other user may run it
    shutil.copy(topwork.binary, program)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program, "train", shard, "-o", theirs / "run", "--steps", "5"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=topwork.environment)
    assert done.returncode == 5 and "Permission denied" in made.one_sentence(done)


def test_a_full_standard_output_is_told(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 4)
    topwork("train", folder, "-o", tmp_path / "run", "--steps", 5, "-q")
    commands = [
        ["predict", tmp_path / "run", folder],
        ["predict", tmp_path / "run", folder, "--json"],
        ["evaluate", tmp_path / "run", folder],
        ["embed", folder, "-o", tmp_path / "embedded"],
        ["records", "count", tmp_path / "run" / "examples" / "train-00000-of-00001.tfrecord.gz"],
        ["records", "cat", tmp_path / "run" / "examples" / "train-00000-of-00001.tfrecord.gz"],
    ]
    for command in commands:
        with open("/dev/full", "w") as full:
            done = subprocess.run([topwork.binary, *map(str, command)], stdout=full, stderr=-1, text=True, env=topwork.environment)
        assert done.returncode == 5 and done.stderr == "topwork: cannot write to standard output: No space left on device\n", command
    sentence = made.one_sentence(topwork("evaluate", tmp_path / "run", folder, "--predictions", "/dev/full", "-q", code=5))
    assert "/dev/full" in sentence
