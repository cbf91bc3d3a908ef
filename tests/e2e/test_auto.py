"""The recipe auto by the command: what it prints, that nothing but the data decides it, small data."""
import json

import made


def test_it_is_the_default_and_says_what_it_chose_and_why(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 12)
    done = topwork("train", folder, "-o", tmp_path / "run", "--eval-share", "0.25")
    recipe = json.loads((tmp_path / "run/metrics.json").read_text())["recipe"]
    assert recipe["recipe"] == "auto" and recipe["chosen"][0]["head"] in done.stderr
    assert sum("head: " in line for line in done.stderr.splitlines()) == 1


def test_options_of_the_workshop_choose_the_workshop(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 8)
    topwork("train", folder, "-o", tmp_path / "run", "--steps", 5, "--eval-share", "0.25", "-q")
    assert json.loads((tmp_path / "run/metrics.json").read_text())["recipe"]["recipe"] == "workshop"


def test_threads_and_a_second_run_change_no_byte_of_the_model(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 10)
    models = []
    for name, threads in (("a", 1), ("b", 3), ("c", 1)):
        topwork("train", folder, "-o", tmp_path / name, "--threads", threads, "-q")
        models.append((tmp_path / name / "model.onnx").read_bytes())
    assert models[0] == models[1] == models[2]


def test_five_photos_a_class_are_enough(topwork, tmp_path):
    folder = made.photos(tmp_path / "photos", 5)
    test = made.photos(tmp_path / "test", 6, seed="test")
    topwork("train", folder, "--eval", test, "-o", tmp_path / "run", "-q")
    assert json.loads((tmp_path / "run/metrics.json").read_text())["accuracy"] == 1
