"""A store of models with versions: `topwork models`."""
import hashlib
import json
import os
import random
import time

import made
import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a small model, made once."""
    from conftest import ROOT, Topwork
    folder = tmp_path_factory.mktemp("models")
    Topwork(os.environ.get("TOPWORK", ROOT / "build" / "topwork"), folder / "cache")(
        "train", made.photos(folder / "photos"), "-o", folder / "run", "-q")
    return folder / "run"


@pytest.fixture
def store(topwork, tmp_path):
    topwork("models", "create", tmp_path / "store", "cars", "--description", "red or blue")
    return tmp_path / "store"


def described(topwork, store):
    return json.loads(topwork("models", "describe", store, "cars", "--json").stdout)


def test_version_holds_the_runs_model_metrics_and_examples(topwork, store, run):
    assert "version 1 of model cars" in topwork("models", "add-version", store, "cars", run, "--name", "v1").stdout
    version = described(topwork, store)["versions"][0]
    assert (version["version"], version["name"], version["default"]) == (1, "v1", True)
    names = {file["name"] for file in version["files"]}
    assert {"model.onnx", "metrics.json", "examples/labels.txt", "examples/thumbnails.tfrecord.gz"} <= names
    for file in version["files"]:
        content = (store / "cars" / "1" / file["name"]).read_bytes()
        assert content == (run / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size_bytes"], file["sha256"])


def test_stored_model_predicts_as_the_run_does(topwork, store, run):
    topwork("models", "add-version", store, "cars", run)
    photos = run.parent / "photos"
    assert topwork("predict", store / "cars" / "1", photos, "--json").stdout == topwork("predict", run, photos, "--json").stdout


def test_versions_default_labels_and_deletion_keep_their_rules(topwork, store, run):
    for name in ("v1", "v2"):
        topwork("models", "add-version", store, "cars", run / "model.onnx", "--name", name)
    topwork("models", "label", store, "cars", "canary", "v2")
    topwork("models", "label", store, "cars", "stable", 1)
    assert "default, stable" in topwork("models", "versions", store, "cars").stdout
    assert "label stable" in topwork("models", "delete", store, "cars", "v1", code=4).stderr
    assert "label canary" in topwork("models", "delete", store, "cars", 2, code=4).stderr
    assert "2 versions" in topwork("models", "delete", store, "cars", code=4).stderr
    topwork("models", "label", store, "cars", "stable", "-")
    assert "the default" in topwork("models", "delete", store, "cars", "v1", code=4).stderr
    topwork("models", "set-default", store, "cars", "canary")
    topwork("models", "delete", store, "cars", "v1")
    topwork("models", "label", store, "cars", "canary", "-")
    topwork("models", "delete", store, "cars", 2)
    topwork("models", "delete", store, "cars")
    assert list(store.iterdir()) == []
    assert "no model yet" in topwork("models", "list", store).stdout


def test_shares_are_shown_and_limited(topwork, store, run):
    for _ in range(2):
        topwork("models", "add-version", store, "cars", run / "model.onnx")
    topwork("models", "label", store, "cars", "canary", 2, "--share", 0.25)
    assert "canary (25 %)" in topwork("models", "versions", store, "cars").stdout
    assert "would take 1.25" in topwork("models", "label", store, "cars", "all", 1, "--share", 1, code=4).stderr


def test_table_is_drawn(topwork, store, run):
    topwork("models", "add-version", store, "cars", run, "--name", "v1", "--description", "the first")
    assert topwork("models", "list", store).stdout.splitlines()[1].split() == ["cars", "1", "1", "red", "or", "blue"]
    lines = topwork("models", "describe", store, "cars").stdout.splitlines()
    assert lines[0].startswith("cars: red or blue, created 2")
    assert lines[1].split() == ["VERSION", "NAME", "MB", "CREATED", "(UTC)", "STANDS", "FOR", "DESCRIPTION"]
    assert lines[2].split()[:2] == ["1", "v1"] and "the first" in lines[2]


@pytest.mark.parametrize("words, message, code", [
    (("add-verson", "store", "cars", "x"), "did you mean add-version?", 2),
    (("label", "store", "cars"), "topwork models label STORE NAME LABEL VERSION", 2),
    (("create", "STORE", "../x"), "cannot be the name of a model", 2),
    (("create", "STORE", "cars"), "there is a model cars", 4),
    (("describe", "STORE", "vans"), "there is no model vans", 4),
    (("list", "nowhere"), "nowhere", 4),
    (("add-version", "STORE", "vans", "RUN"), "there is no model vans", 4),
    (("add-version", "STORE", "cars", "nowhere"), "nowhere", 4),
    (("add-version", "STORE", "cars", "RUN", "--name", "1"), "cannot be the name of a version", 2),
    (("set-default", "STORE", "cars", "7"), "has no version", 4),
])
def test_wrong_calls_get_a_sentence(topwork, store, run, words, message, code):
    places = {"STORE": store, "RUN": run}
    assert message in topwork("models", *[places.get(word, word) for word in words], code=code).stderr
    assert {path.name for path in (store / "cars").iterdir()} == {"model.json"}


def test_model_that_cannot_answer_is_not_added(sanitized, store, run, tmp_path):
    cut = tmp_path / "cut.onnx"
    cut.write_bytes((run / "model.onnx").read_bytes()[:-100_000])
    sanitized("models", "add-version", store, "cars", cut, code=4)
    shard = made.write_records(tmp_path / "a.tfrecord.gz", [made.example(*row) for row in made.clusters(40, width=16)])
    sanitized("train", shard, "-o", tmp_path / "head", "-q")
    done = sanitized("models", "add-version", store, "cars", tmp_path / "head", code=4)
    assert "holds no backbone" in done.stderr and "--backbone" in done.stderr
    assert {path.name for path in (store / "cars").iterdir()} == {"model.json"}


def test_additions_killed_at_any_moment_are_never_half_seen(topwork, store, run):
    start = time.monotonic()
    topwork("models", "add-version", store, "cars", run)
    span, source, killed = time.monotonic() - start, random.Random(5), 0
    for _ in range(40):
        process = topwork.start("models", "add-version", store, "cars", run, stdout=-1, stderr=-1)
        time.sleep(source.uniform(0, 1.1) * span)
        process.kill()
        process.communicate()
        killed += process.returncode != 0
        for version in described(topwork, store)["versions"]:
            for file in version["files"]:
                content = (store / "cars" / str(version["version"]) / file["name"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == file["sha256"]
    assert killed >= 10
    topwork("models", "add-version", store, "cars", run)
    seen = {str(version["version"]) for version in described(topwork, store)["versions"]}
    assert {path.name for path in (store / "cars").iterdir() if path.is_dir()} == seen
    assert not list(store.rglob(".*"))


def test_concurrent_writers_get_numbers_of_their_own(topwork, store, run):
    processes = [topwork.start("models", "add-version", store, "cars", run / "model.onnx", stdout=-1, stderr=-1) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    for process in processes:
        process.communicate()
    assert [version["version"] for version in described(topwork, store)["versions"]] == [1, 2, 3, 4]
