"""`topwork backbone`: what networks are, and the same network as ONNX."""
import json


def info(topwork, name):
    return json.loads(topwork("backbone", "info", name, "--json", "-q").stdout)


def test_convert_writes_a_network_that_needs_no_options(topwork, tmp_path):
    topwork("backbone", "convert", "sprout", "-o", tmp_path / "s.onnx")
    before, after = info(topwork, "sprout"), info(topwork, tmp_path / "s.onnx")
    assert after["policy"] == before["policy"] and after["embedding_size"] == before["embedding_size"]
    assert topwork("backbone", "info", tmp_path / "s.onnx").stderr == ""


def test_convert_notes_the_layer_and_policy_that_are_named(topwork, tmp_path):
    policy = info(topwork, "sprout")["policy"]
    policy["mean"] = [1, 2, 3]
    topwork("backbone", "convert", "sprout", "-o", tmp_path / "s.onnx", "--policy", json.dumps(policy))
    assert info(topwork, tmp_path / "s.onnx")["policy"]["mean"] == [1, 2, 3]


def test_convert_gives_equal_bytes_and_replaces_by_force_only(topwork, tmp_path):
    topwork("backbone", "convert", "sprout", "-o", tmp_path / "a.onnx")
    (tmp_path / "b.onnx").write_text("mine")
    done = topwork("backbone", "convert", "sprout", "-o", tmp_path / "b.onnx", code=None)
    assert done.returncode != 0 and "--force" in done.stderr and (tmp_path / "b.onnx").read_text() == "mine"
    topwork("backbone", "convert", "sprout", "-o", tmp_path / "b.onnx", "--force")
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_convert_without_an_output_is_wrong_usage(topwork):
    assert "-o FILE.onnx" in topwork("backbone", "convert", "sprout", code=2).stderr
    assert "convert" in topwork("backbone", "turn", "sprout", code=2).stderr


def test_what_cannot_be_read_leaves_nothing_behind(sanitized, tmp_path):
    cases = {"text.h5": b"\x89HDF\r\n\x1a\n", "no.tflite": b"\x1c\0\0\0TFL3", "a.safetensors": b"\x10\0\0\0\0\0\0\0{\"a\":", "m.ckpt": bytes(40) + bytes.fromhex("57fb808b247547db"), "x.pb": b"\x08\x01\x12\x05"}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        done = sanitized("backbone", "convert", tmp_path / name, "-o", tmp_path / "out.onnx", code=4)
        assert len(done.stderr.strip().splitlines()) == 1 and name in done.stderr, done.stderr
        assert not (tmp_path / "out.onnx").exists()


def test_a_folder_without_a_model_and_a_missing_file_are_named(sanitized, tmp_path):
    assert "saved_model.pb" in sanitized("backbone", "info", tmp_path, code=None).stderr
    assert "nowhere.onnx" in sanitized("backbone", "info", tmp_path / "nowhere.onnx", code=None).stderr
