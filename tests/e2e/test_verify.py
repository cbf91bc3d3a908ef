"""`verify`: every way gives predict's answer, and what a server between does to photos or labels is found."""
import base64
import http.client
import http.server
import io
import json
import re
import threading

import pytest
from PIL import Image

import made

DIALECTS = ["server, plain", "server, TensorFlow Serving predict", "server, TensorFlow Serving classify", "server, Cloud ML Engine", "server, KServe v2", "server, Vision"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run whose scores are soft, so that small differences show."""
    import os

    import conftest
    folder = tmp_path_factory.mktemp("verify")
    topwork = conftest.Topwork(os.environ.get("TOPWORK", conftest.ROOT / "build" / "topwork"), folder / "cache")
    topwork("train", made.photos(folder / "photos", 6, ("blue", "red", "green")), "-o", folder / "run", "--recipe", "workshop", "--steps", 8, "-q")
    return folder


def ways(done):
    return {way["way"]: way for way in json.loads(done.stdout)["ways"]}


def test_training_prediction_and_server_agree_to_the_bit(topwork, trained):
    done = topwork("verify", trained / "run", trained / "photos", "--json", "--python", "/does/not/exist")
    found = ways(done)
    assert json.loads(done.stdout)["agrees"] and json.loads(done.stdout)["photos"] == 18
    for name in ["training embeddings", *DIALECTS]:
        assert found[name]["photos"] == 18 and found[name]["greatest_difference"] == 0 and found[name]["other_labels"] == 0
    for name in ("ONNX Runtime", "TensorFlow"):
        assert "/does/not/exist does not run" in found[name]["not_checked"]
    assert ways(topwork("verify", trained / "run" / "model.onnx", trained / "photos", "--json", "--python", "/does/not/exist"))["training embeddings"]["photos"] == 18
    table = topwork("verify", trained / "run", trained / "photos", "--python", "/does/not/exist").stdout
    assert "all agree with predict within 0.0001: 7 of 9 ways were gone, 18 photos" in table and "not checked" in table


def test_photos_that_training_did_not_see_leave_that_way(topwork, sanitized, trained, tmp_path):
    made.photo(tmp_path / "new.jpg", made.COLOURS["red"], "new")
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff")
    done = sanitized("verify", trained / "run", tmp_path / "new.jpg", tmp_path / "bad.jpg", "--json", "--python", "/does/not/exist", code=3)
    found = ways(done)
    assert "not_checked" in found["training embeddings"] and found["server, plain"]["photos"] == 1 and "bad.jpg is skipped" in done.stderr
    sanitized("verify", trained / "run", tmp_path / "bad.jpg", code=4)


class Between(http.server.BaseHTTPRequestHandler):
    """Stands before a real server and does something to photos or answers."""

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        photo, reply = self.server.photo, self.server.reply
        if photo and body[:1] == b"{":
            body = re.sub(rb'("b64":"|"content":")([^"]+)"', lambda m: m[1] + base64.b64encode(photo(base64.b64decode(m[2]))) + b'"', body)
        elif photo and body:
            body = photo(body)
        ask = http.client.HTTPConnection(self.server.target)
        ask.request(self.command, self.path, body)
        got = ask.getresponse()
        data = got.read()
        data = reply(data) if reply else data
        self.send_response(got.status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer


@pytest.fixture
def between(topwork, trained):
    """url of a server that changes what goes through it: between(photo=..., reply=...)."""
    import subprocess
    served = topwork.start("serve", trained / "run", "--listen", "127.0.0.1:0", "--json", stdout=subprocess.PIPE, text=True)
    target = json.loads(served.stdout.readline())["url"].removeprefix("http://").rstrip("/")
    servers = []

    def start(photo=None, reply=None):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
        server.target, server.photo, server.reply = target, photo, reply
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}"
    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
    served.terminate()
    served.wait(30)
    served.stdout.close()


def against(topwork, trained, url, code):
    return ways(topwork("verify", trained / "run", trained / "photos", "--server", url, "--json", "--python", "/does/not/exist", code=code))


def test_a_running_server_is_asked(topwork, trained, between):
    found = against(topwork, trained, between(), 0)
    assert all(found[name]["photos"] == 18 and found[name]["greatest_difference"] == 0 for name in DIALECTS)
    named = against(topwork, trained, between() + "/run", 0)
    assert all(named[name]["photos"] == 18 for name in DIALECTS)


def test_a_re_encoded_photo_is_found(topwork, trained, between):
    def again(data):
        out = io.BytesIO()
        Image.open(io.BytesIO(data)).save(out, "JPEG", quality=60)
        return out.getvalue()
    found = against(topwork, trained, between(photo=again), 1)
    assert all(found[name]["greatest_difference"] > 1e-4 and found[name]["greatest_at"].endswith(".jpg") for name in DIALECTS)


def test_labels_in_another_order_are_found(topwork, trained, between):
    def turn(data):
        return re.sub(rb"\[([0-9.e, -]+)\]", lambda m: b"[" + b",".join(reversed(m[1].split(b","))) + b"]", data)
    found = against(topwork, trained, between(reply=turn), 1)
    for name in ("server, TensorFlow Serving predict", "server, Cloud ML Engine", "server, KServe v2"):
        assert found[name]["other_labels"] >= 10 and found[name]["greatest_difference"] > 0.01
    assert found["server, plain"]["greatest_difference"] == 0  # labels stand beside their scores there


def test_a_server_that_answers_otherwise_has_failed(topwork, trained, between):
    found = against(topwork, trained, between(reply=lambda data: data if b'"models"' in data else b"{}"), 1)
    assert all("scores where this dialect" in found[name]["failed"] for name in DIALECTS[:5])
    assert "not_checked" in found["server, Vision"]


@pytest.mark.parametrize("url, words, code", [("https://x/", "without TLS", 2), ("http://", "names no server", 2), ("http://127.0.0.1:1/", "does not answer", 5), ("http://[::1/x", "names no server", 2)])
def test_a_server_that_cannot_be_asked_is_one_sentence(sanitized, trained, url, words, code):
    done = sanitized("verify", trained / "run", trained / "photos" / "red", "--server", url, code=code)
    assert words in done.stderr.splitlines()[-1] and not done.stdout


def test_a_head_alone_is_verified_with_its_network(topwork, trained, tmp_path):
    topwork("embed", trained / "photos", "-o", tmp_path / "records", "-q")
    topwork("train", tmp_path / "records", "-o", tmp_path / "run", "-q")
    refused = topwork("verify", tmp_path / "run", trained / "photos", code=2)
    assert "--backbone" in refused.stderr
    found = ways(topwork("verify", tmp_path / "run", trained / "photos", "--backbone", "sprout", "--json", "--python", "/does/not/exist"))
    assert "holds its network" in found["server"]["not_checked"]


def test_the_token_goes_along(topwork, trained, tmp_path):
    import hashlib
    import subprocess
    (tmp_path / "tokens").write_text(hashlib.sha256(b"secret").hexdigest() + " the test\n")
    served = topwork.start("serve", trained / "run", "--listen", "127.0.0.1:0", "--tokens", tmp_path / "tokens", "--json", stdout=subprocess.PIPE, text=True)
    try:
        url = json.loads(served.stdout.readline())["url"] + "run"
        found = ways(topwork("verify", trained / "run", trained / "photos" / "red", "--server", url, "--json", "--python", "/none", code=1))
        assert "401" in found["server, plain"]["failed"]
        topwork.environment["TOPWORK_TOKEN"] = "secret"
        found = ways(topwork("verify", trained / "run", trained / "photos" / "red", "--server", url, "--json", "--python", "/none"))
        assert all(found[name]["photos"] == 6 for name in DIALECTS)
    finally:
        served.terminate()
        served.wait(30)
        served.stdout.close()
