"""RUN/events read by the real TensorBoard, over its HTTP interface."""
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest
from PIL import Image

EDGE = 40


class Board:
    """A TensorBoard of its own on a free port of loopback."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--host", "127.0.0.1", "--port", str(self.port), "--reload_interval", "1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def bytes(self, path, body=None, **query):
        address = f"http://127.0.0.1:{self.port}/data/{path}" + ("?" + urllib.parse.urlencode(query) if query else "")
        request = urllib.request.Request(address, json.dumps(body).encode() if body else None, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.read()

    def __call__(self, path, body=None, **query):
        return json.loads(self.bytes(path, body, **query))

    def wait_for(self, path, is_there):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            assert self.process.poll() is None
            with contextlib.suppress(OSError):
                if is_there(found := self(path)):
                    return found
            time.sleep(0.2)
        raise AssertionError(f"TensorBoard never had what was looked for at {path}")


@contextlib.contextmanager
def board(folder):
    made = Board(folder)
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.wait()


def photos(folder):
    """Three classes; some photos of the first look like the second, so that some are misclassified."""
    source = np.random.default_rng(5)
    for number, (label, colour) in enumerate({"red": (200, 60, 60), "gr<e>en": (60, 190, 60), "blue": (60, 60, 200)}.items()):
        (folder / label).mkdir(parents=True)
        for i in range(16):
            shown = (60, 190, 60) if label == "red" and i % 4 == 0 else colour
            pixels = np.clip(np.array(shown) + source.integers(-50, 50, (5, 6, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((EDGE + 8, EDGE), Image.BILINEAR).save(folder / label / f"{i:02}.jpg")
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One trained run for all of the plugins: name of its folder, its metrics."""
    root = tmp_path_factory.mktemp("tensorboard")
    binary = os.environ["TOPWORK"]
    command = [binary, "train", str(photos(root / "photos")), "-o", str(root / "run"), "--eval-share", "0.4", "--steps", "300", "--hidden", "32", "-q"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "XDG_CACHE_HOME": str(root / "cache")})
    return root / "run"


@pytest.fixture(scope="module")
def shown(run):
    with board(run / "events") as made:
        made.wait_for("plugin/pr_curves/tags", lambda tags: len(tags.get("eval", ())) == 3)
        yield made


def test_scalars_are_the_log(run, shown):
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    points = [line for line in log if "step" in line]
    for side, tag, key in (("train", "loss", "train_loss"), ("train", "accuracy", "train_accuracy"), ("eval", "loss", "eval_loss"),
                           ("eval", "accuracy", "eval_accuracy"), ("train", "learning_rate", "learning_rate"), ("train", "examples_per_second", "rate")):
        found = [(step, value) for _, step, value in shown("plugin/scalars/scalars", run=side, tag=tag)]
        assert [step for step, _ in found] == [100, 200, 300]
        assert np.allclose([value for _, value in found], [point[key] for point in points], rtol=1e-5)
    assert all(value > 0 for _, _, value in shown("plugin/scalars/scalars", run="eval", tag="examples_per_second"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert np.isclose(shown("plugin/scalars/scalars", run="eval", tag="final/accuracy")[0][2], metrics["accuracy"])


def test_histograms_count_every_weight(shown):
    tags = shown("plugin/histograms/tags")["train"]
    assert set(tags) == {"hidden/weights", "hidden/bias", "output/weights", "output/bias"}
    for tag, count in (("output/weights", 32 * 3), ("output/bias", 3)):
        series = shown("plugin/histograms/histograms", run="train", tag=tag)
        assert [step for _, step, _ in series] == [100, 200, 300]
        for _, _, bins in series:
            assert sum(size for _, _, size in bins) == count
            assert all(left <= right for left, right, _ in bins)


def test_images_are_the_matrix_and_the_misclassified_photos(run, shown):
    tags = shown("plugin/images/tags")["eval"]
    metrics = json.loads((run / "metrics.json").read_text())
    labels, confusion = metrics["labels"], metrics["confusion"]
    wanted = {f"misclassified/{labels[i]} taken for {labels[j]}": confusion[i][j] for i in range(3) for j in range(3) if i != j and confusion[i][j]}
    assert wanted and set(tags) == {"confusion matrix", *wanted}
    for tag, count in wanted.items():
        samples = shown("plugin/images/images", run="eval", tag=tag, sample=0)
        assert tags[tag]["samples"] == min(count, 8) and samples
        data = shown.bytes("plugin/images/individualImage", blob_key=samples[0]["query"].split("=", 1)[1])
        assert data[:3] == b"\xff\xd8\xff"
    matrix = shown("plugin/images/images", run="eval", tag="confusion matrix", sample=0)[0]
    assert shown.bytes("plugin/images/individualImage", blob_key=matrix["query"].split("=", 1)[1])[:4] == b"\x89PNG"


def test_pr_curves_follow_from_the_predictions(run, shown):
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(shown("plugin/pr_curves/tags")["eval"]) == set(metrics["labels"])
    for place, label in enumerate(metrics["labels"]):
        curve = shown("plugin/pr_curves/pr_curves", run="eval", tag=label)["eval"][0]
        count, positives = metrics["count"], sum(metrics["confusion"][place])
        assert curve["recall"][0] == 1.0 and np.isclose(curve["precision"][0], positives / count)
        assert all(later <= earlier + 1e-6 for earlier, later in zip(curve["recall"], curve["recall"][1:]))


def test_hparams_have_the_settings_and_their_metrics(run, shown):
    experiment = shown("plugin/hparams/experiment", {"experimentName": ""})
    assert {info["name"] for info in experiment["hparamInfos"]} >= {"recipe", "seed", "steps", "batch", "learning_rate"}
    columns = [{"metric": info["name"]} for info in experiment["metricInfos"]]
    groups = shown("plugin/hparams/session_groups", {"experimentName": "", "allowedStatuses": ["STATUS_SUCCESS"], "colParams": columns, "startIndex": 0, "sliceSize": 9})
    session = groups["sessionGroups"][0]
    assert session["hparams"]["steps"] == 300 and session["hparams"]["recipe"] == "workshop"
    values = {value["name"]["tag"]: value["value"] for value in session["metricValues"]}
    assert np.isclose(values["final/accuracy"], json.loads((run / "metrics.json").read_text())["accuracy"])


def test_projector_has_every_photo_its_embedding_and_its_picture(run, shown):
    info = shown("plugin/projector/info", run=".")["embeddings"][0]
    rows, width = info["tensorShape"]
    assert rows == 48 and info["sprite"]["singleImageDim"] == [48, 48]
    values = np.frombuffer(shown.bytes("plugin/projector/tensor", run=".", name=info["tensorName"]), np.float32).reshape(rows, width)
    assert np.isfinite(values).all() and np.abs(values).sum() > 0 and len({row.tobytes() for row in values}) == rows
    lines = shown.bytes("plugin/projector/metadata", run=".", name=info["tensorName"]).decode().splitlines()
    assert lines[0] == "label\tside\tkey" and len(lines) == rows + 1
    assert {line.split("\t")[0] for line in lines[1:]} == {"red", "gr<e>en", "blue"} and {line.split("\t")[1] for line in lines[1:]} == {"train", "eval"}
    sprite = run / "events" / "sprite.jpg"
    assert shown.bytes("plugin/projector/sprite_image", run=".", name=info["tensorName"]) == sprite.read_bytes()
    picture = np.asarray(Image.open(sprite))
    blue = next(i for i, line in enumerate(lines[1:]) if line.startswith("blue"))
    row, column = divmod(blue, int(np.ceil(np.sqrt(rows))))
    mean = picture[row * 48 + 4 : row * 48 + 44, column * 48 + 4 : column * 48 + 44].mean((0, 1))
    assert mean.argmax() == 2


def test_a_run_that_was_killed_shows_each_step_once(topwork, tmp_path):
    command = ["train", str(photos(tmp_path / "photos")), "-o", str(tmp_path / "run"), "--steps", "2000", "--hidden", "32", "--checkpoint-every", "150", "-q"]
    process = topwork.start(*command)
    log = tmp_path / "run" / "log.jsonl"
    while not log.exists() or '{"step": 400' not in log.read_text():
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    topwork(*command)
    with board(tmp_path / "run" / "events") as shown:
        shown.wait_for("plugin/scalars/tags", lambda tags: "final/accuracy" in tags.get("eval", ()))
        series = shown("plugin/scalars/scalars", run="train", tag="loss")
        assert [step for _, step, _ in series] == list(range(100, 2001, 100))


def test_a_run_without_steps_shows_what_was_tried_its_weights_and_the_rest(topwork, tmp_path):
    source = np.random.default_rng(9)
    for label, colour in {"red": (200, 60, 60), "green": (60, 190, 60)}.items():
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(50):
            shown = (60, 190, 60) if label == "red" and i % 5 == 0 else colour
            pixels = np.clip(np.array(shown) + source.integers(-50, 50, (5, 6, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).resize((EDGE + 8, EDGE), Image.BILINEAR).save(tmp_path / "photos" / label / f"{i:02}.jpg")
    topwork("train", tmp_path / "photos", "-o", tmp_path / "run", "--eval-share", 0.3, "-q")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    with board(tmp_path / "run" / "events") as shown:
        shown.wait_for("plugin/pr_curves/tags", lambda tags: len(tags.get("eval", ())) == 2)
        tried = shown("plugin/scalars/scalars", run="eval", tag="tried/log_loss")
        assert np.allclose([value for _, _, value in tried], [each["log_loss"] for each in metrics["recipe"]["candidates"]], rtol=1e-5)
        curve = shown("plugin/scalars/scalars", run="eval", tag="learning_curve/accuracy")
        assert [step for _, step, _ in curve] == [point["examples"] for point in metrics["learning_curve"]["points"]]
        tags = shown("plugin/histograms/tags")["eval"]
        assert tags and all(tag.startswith("head/") for tag in tags)
        assert "confusion matrix" in shown("plugin/images/tags")["eval"]
        groups = shown("plugin/hparams/experiment", {"experimentName": ""})
        assert {info["name"] for info in groups["hparamInfos"]} >= {"recipe", "seed"}
        assert shown("plugin/projector/info", run=".")["embeddings"][0]["tensorShape"][0] == 100
