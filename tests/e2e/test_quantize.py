"""`topwork backbone quantize` and --precision: what is made, that it is used, and what wrong calibration gets."""
import json

import made


def manifest(topwork, photos, folder, *options):
    topwork("embed", photos, "-o", folder, "--no-cache", "-q", "--threads", "1", *options)
    return json.loads((folder / "manifest.json").read_text())


def embeddings(folder):
    return [record for path in sorted(folder.glob("*.tfrecord.gz")) for record in made.records_of(path)]


def test_quantize_writes_a_network_that_embeds_in_integers(topwork, tmp_path):
    made.photos(tmp_path / "photos")
    done = json.loads(topwork("backbone", "quantize", "sprout", "-o", tmp_path / "q.onnx", "--calibrate", tmp_path / "photos",
                              "--threads", "1", "--json", "-q").stdout)
    assert done["photos"] == 16 and done["skipped"] == 0
    # Smooth stains of one colour: harder than photos, of which this network keeps 0.997.
    assert 0.97 <= done["cosine_least"] <= done["cosine_mean"] < 1
    whole = manifest(topwork, tmp_path / "photos", tmp_path / "i", "--backbone", tmp_path / "q.onnx", "--precision", "int8")
    assert whole["precision"] == "int8" and whole["engine"].endswith("int8")
    assert manifest(topwork, tmp_path / "photos", tmp_path / "f")["precision"] == "f32"


def test_quantize_gives_equal_bytes_for_any_number_of_threads(topwork, tmp_path):
    made.photos(tmp_path / "photos")
    for threads in "1", "2":
        topwork("backbone", "quantize", "sprout", "-o", tmp_path / threads, "--calibrate", tmp_path / "photos", "--method", "percentile",
                "--threads", threads, "-q")
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_quantize_names_photos_that_it_cannot_read_and_says_so_by_its_exit(topwork, tmp_path):
    made.photos(tmp_path / "photos")
    broken = next((tmp_path / "photos").glob("*/*"))
    broken.write_bytes(b"\xff\xd8\xff no photo")
    words = ("backbone", "quantize", "sprout", "--calibrate", tmp_path / "photos", "--threads", "1", "--json")
    done = topwork(*words, "-o", tmp_path / "q.onnx", code=3)
    assert json.loads(done.stdout)["skipped"] == 1 and broken.name in done.stderr and (tmp_path / "q.onnx").exists()
    topwork(*words, "-o", tmp_path / "allowed.onnx", "--allow-skips", code=0)


def test_every_way_to_choose_ranges_keeps_embeddings_near(topwork, tmp_path):
    made.photos(tmp_path / "photos")
    files = set()
    for method in "minmax", "percentile", "mse":
        done = json.loads(topwork("backbone", "quantize", "sprout", "-o", tmp_path / method, "--calibrate", tmp_path / "photos", "--method", method,
                                  "--threads", "1", "--json", "-q").stdout)
        assert done["cosine_least"] >= 0.95
        files.add((tmp_path / method).read_bytes())
    assert len(files) == 3


def test_quantize_refuses_calibration_that_says_too_little(topwork, tmp_path):
    (tmp_path / "none").mkdir()
    made.photo(tmp_path / "one" / "a.png", (200, 30, 30), 1)
    (tmp_path / "bad").mkdir()
    for i in range(9):
        (tmp_path / "bad" / f"{i}.jpg").write_bytes(b"\xff\xd8\xff no photo")
    for folder, part in ("none", "no photo"), ("one", "at least 8 photos"), ("bad", "at least 8 photos"), ("absent", "absent"):
        done = topwork("backbone", "quantize", "sprout", "-o", tmp_path / "q.onnx", "--calibrate", tmp_path / folder, "-q", code=None)
        assert done.returncode not in (0, -6, -11) and part in done.stderr.splitlines()[-1], done.stderr
        assert not (tmp_path / "q.onnx").exists()


def test_quantize_without_photos_or_output_is_wrong_usage(topwork, tmp_path):
    assert "--calibrate PHOTOS" in topwork("backbone", "quantize", "sprout", "-o", tmp_path / "q.onnx", code=2).stderr
    assert "-o FILE.onnx" in topwork("backbone", "quantize", "sprout", "--calibrate", tmp_path, code=2).stderr


def test_int8_of_a_network_of_floats_names_quantize(topwork, tmp_path):
    made.photos(tmp_path / "photos", per_class=1)
    done = topwork("embed", tmp_path / "photos", "-o", tmp_path / "out", "--precision", "int8", code=2)
    assert len(done.stderr.strip().splitlines()) == 1 and "backbone quantize" in done.stderr


def test_precision_auto_is_settled_once_and_noted(topwork, tmp_path):
    made.photos(tmp_path / "photos")
    a = manifest(topwork, tmp_path / "photos", tmp_path / "a", "--precision", "auto")
    b = manifest(topwork, tmp_path / "photos", tmp_path / "b", "--precision", "auto")
    assert a["precision"] in ("f32", "bf16") and a["engine"].endswith(a["precision"])
    assert a["precision"] == b["precision"] and embeddings(tmp_path / "a") == embeddings(tmp_path / "b")
