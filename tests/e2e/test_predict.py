"""predict: photos in, labels out."""
import json
import os
import subprocess

import made
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    return made.photos(tmp_path / "photos", 12)


@pytest.fixture
def run(topwork, folder, tmp_path):
    topwork("train", folder, "-o", tmp_path / "run", "--eval-share", 0.4, "--steps", 100, "-q")
    return tmp_path / "run"


def answers(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_photos_folders_and_tables_are_answered_in_order(topwork, run, folder, tmp_path):
    (folder / "some.csv").write_text('red/03.jpg\n"blue/04.jpg",wrong label\nred/03.jpg\n')
    inputs = [folder / "red" / "01.jpg", folder / "blue", folder / "some.csv", folder / "red" / "01.jpg"]
    found = answers(topwork("predict", run, *inputs, "--json"))
    assert [os.path.basename(answer["key"]) for answer in found] == ["01.jpg", *(f"{i:02}.jpg" for i in range(12)), "03.jpg", "04.jpg", "03.jpg", "01.jpg"]
    assert [answer["prediction"] for answer in found] == ["red"] + ["blue"] * 12 + ["red", "blue", "red", "red"]


def test_json_has_what_the_contract_names(topwork, run, folder):
    (answer,) = answers(topwork("predict", run, folder / "red" / "00.jpg", "--json"))
    assert list(answer) == ["key", "prediction", "score", "scores", "sureness", "known"]
    assert answer["key"] == str(folder / "red" / "00.jpg") and set(answer["scores"]) == {"blue", "red"}
    assert abs(sum(answer["scores"].values()) - 1) < 1e-5 and answer["score"] == max(answer["scores"].values())
    (answer,) = answers(topwork("predict", run, folder / "red" / "00.jpg", "--json", "--top", 1))
    assert answer["scores"] == {"red": answer["score"]}


def test_scores_are_those_of_the_run_and_of_evaluate(topwork, run, folder, tmp_path):
    rows = made.rows(run / "predictions.csv")
    found = {answer["key"]: answer for answer in answers(topwork("predict", run, folder, "--json"))}
    topwork("evaluate", run, folder, "--predictions", tmp_path / "p.csv", "-q")
    evaluated = {row["key"]: row for row in made.rows(tmp_path / "p.csv")}
    assert len(rows) > 2 and len(evaluated) == 24
    for row in rows:
        answer = found[row["key"]]
        assert answer["prediction"] == row["prediction"] == evaluated[row["key"]]["prediction"]
        assert abs(answer["score"] - float(row["score"])) < 1e-5
    for key, row in evaluated.items():
        assert f"{found[key]['score']:.6f}" == row["score"]


def test_standard_input_is_a_photo(topwork, run, folder):
    photo = folder / "red" / "05.jpg"
    done = subprocess.run(f"cat '{photo}' | '{topwork.binary}' predict '{run}/model.onnx' -", shell=True, capture_output=True, text=True, env=topwork.environment)
    assert done.returncode == 0 and done.stdout.split()[:2] == ["-", "red"]
    direct = topwork("predict", run, photo).stdout.split()
    assert done.stdout.split()[1:] == direct[1:]
    found = answers(topwork("predict", run, folder / "blue" / "01.jpg", "-", "--json", stdin=open(photo)))
    assert [answer["prediction"] for answer in found] == ["blue", "red"]


def test_an_empty_or_wrong_standard_input_is_named(topwork, run):
    for data in ("", "no photo at all"):
        done = topwork("predict", run, "-", input=data, code=4)
        assert not done.stdout and "topwork: no photo could be used; -: " in done.stderr


def test_columns_are_aligned_and_top_gives_the_best_labels(topwork, run, folder):
    made.photo(folder / "red" / "a much longer name than the others.png", made.COLOURS["red"], 9)
    lines = topwork("predict", run, folder / "red", "--top", 2).stdout.splitlines()
    assert len(lines) == 26 and len({len(line) for line in lines}) == 1
    for first, second in zip(lines[::2], lines[1::2]):
        assert first.rsplit(None, 2)[0] == second.rsplit(None, 2)[0]
        assert float(first.split()[-1]) >= float(second.split()[-1]) and {first.split()[-2], second.split()[-2]} == {"red", "blue"}
    assert topwork("predict", run, folder / "red", "--top", 99).stdout.splitlines() == lines


def test_odd_names_do_no_harm(topwork, run, folder, tmp_path):
    names = [b"new\nline.jpg", b"tab\t.jpg", b"\x1b[31mred.jpg", b"caf\xe9.jpg", "naïve ☃.jpg".encode(), b" space .jpg", b"-dash.jpg", b"a,b\"c.jpg", b"100%s.jpg", b"[x]*.jpg"]
    odd = tmp_path / "odd"
    odd.mkdir()
    photo = (folder / "red" / "00.jpg").read_bytes()
    for name in names:
        with open(os.path.join(os.fsencode(odd), name), "wb") as file:
            file.write(photo)
    lines = topwork("predict", run, odd).stdout.splitlines()
    assert len(lines) == len(names) and not any(character < " " for line in lines for character in line)
    found = answers(topwork("predict", run, odd, "--json"))
    assert {answer["key"].split("/")[-1].encode() for answer in found} == {name.replace(b"\xe9", "\ufffd".encode()) for name in names}
    for name in names:
        path = os.path.join(os.fsencode(odd), name)
        done = subprocess.run([topwork.binary, "predict", str(run), path], capture_output=True, env=topwork.environment)
        assert done.returncode == 0 and b"red" in done.stdout, name
    done = subprocess.run([topwork.binary, "predict", str(run), "--", "-dash.jpg"], capture_output=True, env=topwork.environment, cwd=odd)
    assert done.returncode == 0


def test_skipped_photos_are_named_and_cost_exit_3(topwork, run, folder, tmp_path):
    whole = (folder / "red" / "00.jpg").read_bytes()
    bad = {"empty.jpg": b"", "text.jpg": b"hello, I am no photo", "cut.jpg": whole[: len(whole) // 2]}
    for name, data in bad.items():
        (tmp_path / name).write_bytes(data)
    inputs = [folder / "red" / "00.jpg", *(tmp_path / name for name in bad), tmp_path / "missing.jpg", folder / "blue" / "00.jpg"]
    done = topwork("predict", run, *inputs, code=3)
    assert [line.split()[1] for line in done.stdout.splitlines()] == ["red", "blue"]
    assert [os.path.basename(line.split()[2]) for line in done.stderr.splitlines()] == [*bad, "missing.jpg"]
    found = answers(topwork("predict", run, *inputs, "--json", "-q", code=3))
    assert [("error" in answer, "prediction" in answer) for answer in found] == [(False, True), *[(True, False)] * 4, (False, True)]
    assert all(list(answer) == ["key", "error"] for answer in found[1:5])
    topwork("predict", run, *inputs, "--allow-skips", "-q", code=0)


def test_when_no_photo_can_be_used_the_exit_says_so(topwork, run, tmp_path):
    (tmp_path / "text.jpg").write_bytes(b"hello, I am no photo")
    done = topwork("predict", run, tmp_path / "text.jpg", "-q", code=4)
    assert "text.jpg" in done.stderr and not done.stdout


def test_what_is_no_model_is_named(topwork, run, folder, tmp_path):
    assert "nowhere.onnx" in made.one_sentence(topwork("predict", tmp_path / "nowhere.onnx", folder, code=4))
    assert "model.onnx" in made.one_sentence(topwork("predict", folder, folder, code=4))
    assert "--backbone" in made.one_sentence(topwork("predict", run, folder, "--backbone", "sprout", code=2))


def test_threads_change_no_score(topwork, run, folder):
    shown = [topwork("predict", run, folder, "--json", "--threads", n).stdout for n in (1, 2, 5)]
    assert shown[0] == shown[1] == shown[2]


def test_what_is_like_no_training_photo_is_not_known(topwork, run, folder, tmp_path):
    odd = tmp_path / "stripes.png"
    picture = Image.new("L", (64, 64))
    picture.putdata([255 * (x // 2 % 2) for _ in range(64) for x in range(64)])
    picture.save(odd)
    same, other = answers(topwork("predict", run, folder / "red" / "01.jpg", odd, "--json"))
    assert same["sureness"] != "I do not know this" and other["sureness"] == "I do not know this" and other["known"] < same["known"]
    line = topwork("predict", run, odd).stdout
    assert line.rstrip().endswith("I do not know this")
