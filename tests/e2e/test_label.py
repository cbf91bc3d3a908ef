"""`topwork label`: a classifier that others trained, installed once, answers for photos."""
import json
import os

import made
import pytest


@pytest.fixture
def installed(topwork, flowers, inception, tmp_path):
    """The quantised MobileNet v2 of ImageNet's classes."""
    topwork.environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    models = inception.parent
    done = topwork("label", "--install", models / "mobilenet_v2_1.0_224_quant.tflite", "--labels", models / "imagenet_labels.txt")
    assert "1001 labels" in done.stdout
    return tmp_path / "data" / "topwork" / "label.onnx"


def test_photos_get_the_labels_of_the_installed_classifier(topwork, installed, flowers):
    daisies = sorted((flowers / "photos" / "daisy").iterdir())[:10]
    rows = [json.loads(line) for line in topwork("label", *daisies, "--json").stdout.splitlines()]
    assert [row["key"] for row in rows] == [str(path) for path in daisies]
    first = [row["labelAnnotations"][0] for row in rows]
    assert sum(one["description"] == "daisy" for one in first) >= 8 and all(0 < one["score"] <= 1 for one in first)
    text = topwork("label", daisies[0], "--top", 2).stdout.splitlines()
    assert text[0].split()[:2] == [str(daisies[0]), first[0]["description"].split()[0]]


def test_installed_classifier_is_a_model_like_any_other(topwork, installed, flowers, tmp_path):
    daisy = sorted((flowers / "photos" / "daisy").iterdir())[0]
    label = json.loads(topwork("label", daisy, "--json", "--top", 1).stdout)["labelAnnotations"][0]
    prediction = json.loads(topwork("predict", installed, daisy, "--json", "--top", 1).stdout)
    assert (prediction["prediction"], prediction["score"]) == (label["description"], pytest.approx(label["score"], abs=1e-6))
    topwork("models", "create", tmp_path / "store", "general")
    topwork("models", "add-version", tmp_path / "store", "general", installed)
    done = json.loads(topwork("verify", installed, daisy, "--python", "/none", "--json").stdout)  # it ends in scores, without logits
    assert done["agrees"] and sum(way["photos"] for way in done["ways"] if way["way"].startswith("server, ")) == 6


def test_bad_photo_is_named_and_the_others_are_answered(topwork, installed, flowers, tmp_path):
    (tmp_path / "broken.jpg").write_text("no photo")
    daisy = sorted((flowers / "photos" / "daisy").iterdir())[0]
    done = topwork("label", tmp_path / "broken.jpg", daisy, "--json", code=3)
    broken, good = map(json.loads, done.stdout.splitlines())
    assert "not a photo" in broken["error"]["message"] and good["labelAnnotations"]
    assert "no photo could be used" in topwork("label", tmp_path / "broken.jpg", code=4).stderr


def test_wrong_calls_get_a_sentence(topwork, tmp_path, hugs):
    topwork.environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    photo = made.photo(tmp_path / "a.jpg", (9, 9, 9), 1)
    assert "--install NETWORK" in topwork("label", photo, code=4).stderr
    assert "it is: topwork label PHOTO" in topwork("label", code=2).stderr
    assert "--labels FILE" in topwork("label", "--install", "x.onnx", code=2).stderr
    (tmp_path / "labels").write_text("one\ntwo\n")
    done = topwork("label", "--install", "sprout", "--labels", tmp_path / "labels", code=4)
    assert "values, there are 2 labels" in done.stderr
    assert not os.path.exists(tmp_path / "data" / "topwork" / "label.onnx")
