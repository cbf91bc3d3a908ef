"""Sets of embeddings that do not lie on the heap, and what `auto` makes of very many of them."""
import json
import pathlib
import subprocess

import made
import pytest


@pytest.fixture
def make_records(topwork, tmp_path):
    """Writes records with classes in them by the program that bench/large uses."""
    program = pathlib.Path(topwork.binary).parent / "tests" / "tools" / "make-records"

    def make(name, rows, values, classes, shards, *more):
        subprocess.run([program, tmp_path / name, *map(str, (rows, values, classes, shards, *more))], check=True, timeout=120)
        return sorted((tmp_path / name).glob("*.tfrecord.gz"))

    return make


def test_mapped_rows_give_the_same_model_for_any_order_of_shards_and_any_threads(topwork, make_records, tmp_path):
    shards = make_records("many", 1400, 16384, 4, 7)  # 92 MB
    results = []
    for number, files in enumerate((shards, shards[::-1])):
        run = tmp_path / f"run{number}"
        topwork("train", *files, "-o", run, "--steps", 20, "--hidden", 16, "--threads", 1 + number, "-q")
        results.append({name: (run / name).read_bytes() for name in ("model.onnx", "predictions.csv", "metrics.json")})
        assert {path.name for path in run.iterdir()} >= {"examples", "metrics.json"}
    assert results[0] == results[1] and json.loads(results[0]["metrics.json"])["count"] == len(made.rows(tmp_path / "run0" / "predictions.csv"))


def test_auto_learns_very_many_rows_by_a_few_passes_over_them(topwork, make_records, tmp_path):
    shards = make_records("many", 24000, 32, 12, 6)
    said = topwork("train", *shards, "-o", tmp_path / "auto", "--threads", 2)
    recipe = json.loads((tmp_path / "auto" / "metrics.json").read_text())["recipe"]
    assert recipe["recipe"] == "auto" and 0 < recipe["held_out"] <= 20000 and len(recipe["candidates"]) > 5
    assert recipe["chosen"][0]["head"] in said.stderr and recipe["chosen"][0] in recipe["candidates"]
    topwork("train", *shards[::-1], "-o", tmp_path / "again", "--threads", 1)
    assert (tmp_path / "auto" / "model.onnx").read_bytes() == (tmp_path / "again" / "model.onnx").read_bytes()
    topwork("train", *shards, "-o", tmp_path / "workshop", "--recipe", "workshop")
    accuracy = [json.loads((tmp_path / run / "metrics.json").read_text())["accuracy"] for run in ("auto", "workshop")]
    assert accuracy[0] > 0.6 and accuracy[0] > accuracy[1] - 0.02
