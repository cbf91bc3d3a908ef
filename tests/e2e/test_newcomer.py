"""What somebody meets who uses topwork for the first time: the demo, slips of the keyboard, folders that are not as they should be."""
import os
import shutil
import subprocess

from conftest import ROOT


def says(topwork, *arguments, code):
    """The one line that a wrong command prints."""
    lines = topwork(*arguments, code=code).stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_demo_learns_the_photos_and_writes_below_build_demo_only(topwork, hugs, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("XDG_CACHE_HOME", None)
    for _ in range(2):  # it starts from nothing each time
        done = subprocess.run([ROOT / "tools" / "demo", topwork.binary], capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, done.stderr
        assert "128 photos embedded, 0 known before" in done.stdout
    assert list(home.iterdir()) == []
    assert (ROOT / "build" / "demo" / "run" / "model.onnx").is_file()
    new = sorted((ROOT / "examples" / "hugs" / "new").glob("*.jpg"))
    answers = {row.split()[0]: row.split()[1] for row in done.stdout.splitlines() if row.startswith("examples/hugs/new/")}
    assert sorted(answers) == [f"examples/hugs/new/{photo.name}" for photo in new]
    assert sum(photo.name.startswith(answers[f"examples/hugs/new/{photo.name}"] + "-") for photo in new) > len(new) / 2


def test_misspelt_commands_and_options_are_answered_by_the_nearest_right_one(topwork, hugs, tmp_path):
    assert "did you mean train?" in says(topwork, "trian", hugs, code=2)
    assert "did you mean train?" in says(topwork, "help", "trian", code=2)
    assert "did you mean --eval-share?" in says(topwork, "train", hugs, "-o", tmp_path / "run", "--evalshare", "0.2", code=2)


def test_missing_arguments_show_the_usage(topwork):
    assert "topwork train INPUT... -o RUN" in says(topwork, "train", code=2)
    assert "topwork predict MODEL PHOTO..." in says(topwork, "predict", code=2)


def test_folders_that_cannot_teach_are_named_with_what_is_missing(topwork, hugs, tmp_path):
    (tmp_path / "empty").mkdir()
    shutil.copytree(hugs / "hugs", tmp_path / "one" / "hugs")
    assert "no photo in" in says(topwork, "train", tmp_path / "empty", "-o", tmp_path / "a", code=4)
    assert "only one class (hugs)" in says(topwork, "train", tmp_path / "one", "-o", tmp_path / "b", code=4)
    assert "one folder per class" in says(topwork, "train", hugs / "hugs", "-o", tmp_path / "c", code=4)


def test_a_run_that_failed_for_its_input_does_not_keep_the_folder_from_the_right_one(topwork, hugs, tmp_path):
    run = tmp_path / "run"
    assert "no file or folder" in says(topwork, "train", tmp_path / "nowhere", "-o", run, code=4)
    topwork("train", hugs, "-o", run, "--steps", "5")
    assert (run / "model.onnx").is_file()
    assert "results of other settings" in says(topwork, "train", hugs, "-o", run, "--steps", "6", code=4)
