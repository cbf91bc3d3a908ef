"""explain: which training photos speak for an answer, and which part of the photo."""
import json
import random
import shutil

import made
import pytest
from PIL import Image, ImageDraw

GRID = 6


def spotted(path, seed, place=None, size=(120, 96), colour=(210, 40, 40)):
    """A green, noisy photo; `place` (x, y as shares): a red spot there."""
    source = random.Random(seed)
    image = Image.new("RGB", (12, 10))
    image.putdata([tuple(max(0, min(255, v + source.randint(-25, 25))) for v in (70, 120, 70)) for _ in range(120)])
    image = image.resize(size, Image.BILINEAR)
    if place:
        x, y, reach = place[0] * size[0], place[1] * size[1], size[1] / 8
        ImageDraw.Draw(image).ellipse((x - reach, y - reach, x + reach, y + reach), fill=colour)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, quality=95)
    return path


@pytest.fixture
def folder(tmp_path):
    for number in range(24):
        source = random.Random(f"place {number}")
        spotted(tmp_path / "photos" / "spot" / f"{number:02}.jpg", number, (source.uniform(0.2, 0.8), source.uniform(0.2, 0.8)))
        spotted(tmp_path / "photos" / "none" / f"{number:02}.jpg", 100 + number)
    return tmp_path / "photos"


@pytest.fixture(params=["auto", "workshop"])
def recipe(request):
    return request.param


@pytest.fixture
def run(topwork, folder, tmp_path, recipe):
    topwork("train", folder, "-o", tmp_path / "run", "--eval-share", 0.2, "--recipe", recipe, "-q")
    return tmp_path / "run"


def explain(topwork, *arguments, **options):
    return json.loads(topwork("explain", *arguments, "--json", "--grid", GRID, **options).stdout)


def strongest(answer):
    drops = answer["map"]["drops"]
    row, column = max(((r, c) for r in range(GRID) for c in range(GRID)), key=lambda place: drops[place[0]][place[1]])
    return (column + 0.5) / GRID, (row + 0.5) / GRID


@pytest.mark.parametrize("place", [(0.25, 0.25), (0.75, 0.7)])
def test_the_map_is_strongest_where_the_spot_is(topwork, run, tmp_path, place):
    answer = explain(topwork, run, spotted(tmp_path / "new.png", 500, place))
    assert answer["prediction"] == answer["label"] == "spot" and answer["log_odds"] > 0
    assert all(abs(found - there) <= 1.5 / GRID for found, there in zip(strongest(answer), place))
    assert (answer["map"]["rows"], answer["map"]["columns"]) == (GRID, GRID)
    x, y = strongest(answer)
    covered = answer["map"]["scores"][int(y * GRID)][int(x * GRID)]
    assert covered < answer["score"] - 0.3


def test_a_photo_that_exif_turns_is_explained_the_right_way_up(topwork, run, tmp_path):
    upright = spotted(tmp_path / "new.png", 500, (0.25, 0.3))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown, turn by 90 degrees clockwise
    Image.open(upright).transpose(Image.ROTATE_90).save(tmp_path / "turned.png", exif=exif)
    assert explain(topwork, run, tmp_path / "turned.png")["map"] == explain(topwork, run, upright)["map"]


def test_the_picture_shows_the_photo_and_the_spot_in_orange(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.25, 0.25))
    topwork("explain", run, photo, "-o", tmp_path / "why", "--grid", GRID)
    picture = Image.open(tmp_path / "why" / "map.png").convert("RGB")
    assert picture.size == (2 * 120 + 8, 96)
    plain = picture.crop((0, 0, 120, 96))
    assert max(abs(a - b) for p, q in zip(plain.getdata(), Image.open(photo).getdata()) for a, b in zip(p, q)) <= 2
    right = picture.crop((128, 0, 248, 96))
    orange = [(i % 120, i // 120) for i, (r, g, b) in enumerate(right.getdata()) if r > b + 60]
    assert orange and all(x < 80 and y < 64 for x, y in orange)
    assert any(abs(x - 30) < 12 and abs(y - 24) < 12 for x, y in orange)


def test_the_nearest_photos_are_named_and_shown(topwork, run, folder, tmp_path):
    learnt = next(key for key, *_ in training(run) if "/spot/" in key)
    topwork("explain", run, learnt, "-o", tmp_path / "why", "--grid", GRID, "--top", 5)
    answer = json.loads((tmp_path / "why" / "explanation.json").read_text())
    nearest = answer["nearest"]
    assert len(nearest) == 5 and answer["nearest_of"] == len(training(run))
    assert nearest[0]["key"] == learnt and nearest[0]["similarity"] > 0.99999 and nearest[0]["labels"] == "spot"
    similarities = [each["similarity"] for each in nearest]
    assert similarities == sorted(similarities, reverse=True)
    for each in nearest:
        assert f"/{each['labels']}/" in each["key"]
        shown = Image.open(tmp_path / "why" / each["thumbnail"]).convert("RGB")
        whole = Image.open(each["key"]).convert("RGB").resize(shown.size)
        assert sum(abs(a - b) for p, q in zip(shown.getdata(), whole.getdata()) for a, b in zip(p, q)) / (3 * shown.width * shown.height) < 12
    assert "(the same photo)" in topwork("explain", run, learnt, "--grid", GRID).stdout


def training(run):
    """Keys of the training examples, by the format's own rules."""
    keys = []
    for record in made.records_of(run / "examples" / "train-00000-of-00001.tfrecord.gz"):
        at = record.index(b"image_uri")
        keys.append((record[record.index(b"/", at) :].split(b".jpg")[0].decode() + ".jpg",))
    return keys


def test_any_number_of_threads_gives_the_same_files(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.6, 0.4))
    for threads in (1, 2, 5):
        topwork("explain", run, photo, "-o", tmp_path / f"why{threads}", "--grid", GRID, "--threads", threads)
    first = made.results(tmp_path / "why1")
    assert {"map.png", "explanation.json", "nearest-01.jpg"} <= set(first)
    assert made.results(tmp_path / "why2") == first == made.results(tmp_path / "why5")


def test_a_moved_run_still_knows_its_photos_and_a_bare_model_says_that_it_does_not(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.6, 0.4))
    here = explain(topwork, run, photo)
    shutil.move(run, tmp_path / "elsewhere")
    assert explain(topwork, tmp_path / "elsewhere", photo) == here == explain(topwork, tmp_path / "elsewhere" / "model.onnx", photo)
    shutil.move(tmp_path / "elsewhere" / "model.onnx", tmp_path / "bare.onnx")
    bare = explain(topwork, tmp_path / "bare.onnx", photo)
    assert bare["map"] == here["map"] and bare["nearest"] == [] and "examples" in bare["nearest_missing"]
    assert "no nearest training photos: there is no" in topwork("explain", "bare.onnx", photo, cwd=tmp_path).stdout


def test_examples_of_another_network_are_not_compared(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.6, 0.4))
    manifest = run / "examples" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["backbone_digest"] = "0" * 64
    manifest.write_text(json.dumps(content))
    answer = explain(topwork, run, photo)
    assert answer["nearest"] == [] and "another network" in answer["nearest_missing"]


def test_another_label_can_be_explained(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.25, 0.25))
    own, other = explain(topwork, run, photo), explain(topwork, run, photo, "--label", "none")
    assert other["label"] == "none" and other["prediction"] == "spot"
    for row, opposite in zip(own["map"]["drops"], other["map"]["drops"]):  # of two labels, what speaks for one speaks against the other
        assert all(abs(a + b) < 1e-4 for a, b in zip(row, opposite))
    assert "did you mean none" in made.one_sentence(topwork("explain", run, photo, "--label", "nono", code=2))


def test_bytes_from_standard_input_are_explained(topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.25, 0.25))
    done = topwork("explain", run, "-", "--json", "--grid", GRID, input=photo.read_bytes(), text=False)
    assert {**json.loads(done.stdout), "key": str(photo)} == explain(topwork, run, photo)


def test_what_cannot_be_explained_is_refused_in_one_sentence(topwork, run, folder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert "broken.jpg" in made.one_sentence(topwork("explain", run, tmp_path / "broken.jpg", "-o", tmp_path / "why", code=4))
    assert "one photo" in made.one_sentence(topwork("explain", run, folder, "-o", tmp_path / "why", code=2))
    assert "one photo" in made.one_sentence(topwork("explain", run, "a.jpg", "b.jpg", code=2))
    assert not (tmp_path / "why").exists()
    tiny = tmp_path / "tiny.png"
    Image.new("RGB", (3, 2), (90, 120, 70)).save(tiny)
    answer = explain(topwork, run, tiny)
    assert (answer["map"]["rows"], answer["map"]["columns"]) == (2, 3)


def test_damaged_examples_do_no_harm(sanitized, topwork, run, tmp_path):
    photo = spotted(tmp_path / "new.png", 500, (0.6, 0.4), size=(40, 30))
    file = run / "examples" / "thumbnails.tfrecord.gz"
    whole = file.read_bytes()
    sanitized("explain", run, photo, "-o", tmp_path / "why", "--grid", 2)
    for cut in (1, 40, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert "thumbnails" in made.one_sentence(sanitized("explain", run, photo, "-o", tmp_path / "why", "--grid", 2, code=4))
