"""The prediction server: the same answers as `topwork predict` in every dialect, bad requests, reloads, and its end."""
import shutil
import base64
import concurrent.futures
import gzip
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

import made
import pytest


class Server:
    """A server under test; ends by itself when the test does."""

    def __init__(self, topwork, *arguments):
        self.process = topwork.start("serve", *map(str, arguments), "--listen", "127.0.0.1:0", stdout=-1, stderr=-1, text=True)
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.port, self.admin_port = [*map(int, re.findall(r":(\d+)/", line)), None][:2]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self, code=0):
        """Ends it by SIGTERM; what it printed on standard error."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == code, errors
        return errors

    def __call__(self, path, body=None, method=None, headers=None, connection=None, admin=False):
        """Status and body of one request."""
        link = connection or http.client.HTTPConnection("127.0.0.1", self.admin_port if admin else self.port, timeout=60)
        link.request(method or ("GET" if body is None else "POST"), path, body, headers or {})
        answer = link.getresponse()
        content = answer.read()
        self.headers = answer.headers
        if connection is None:
            link.close()
        return answer.status, content

    def json(self, path, body=None, code=200, **options):
        status, content = self(path, body, **options)
        assert status == code, content
        return json.loads(content)

    def metrics(self):
        return dict(re.findall(r"^(topwork_\S+) (\S+)$", self("/metrics")[1].decode(), re.M))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with photos, and a run folder of a model of them; made once."""
    from conftest import ROOT, Topwork
    folder = tmp_path_factory.mktemp("serve")
    photos = made.photos(folder / "photos", classes=("blue", "green", "red"))
    Topwork(os.environ.get("TOPWORK", ROOT / "build" / "topwork"), folder / "cache")("train", photos, "-o", folder / "cars", "-q")
    return folder


@pytest.fixture(scope="module")
def strict(trained):
    """A server under ASan and UBSan that the bad requests share: at its end nothing may have leaked."""
    from conftest import ROOT, Topwork
    binary = os.environ.get("TOPWORK_SANITIZED", ROOT / "build-sanitized" / "topwork")
    with Server(Topwork(binary, trained / "cache"), trained / "cars") as server:
        yield server


@pytest.fixture
def expected(topwork, trained):
    """What `topwork predict` says of every photo."""
    lines = topwork("predict", trained / "cars", trained / "photos", "--json").stdout.splitlines()
    return {row["key"]: row for row in map(json.loads, lines)}


@pytest.fixture
def store(topwork, trained, tmp_path):
    topwork("models", "create", tmp_path / "store", "cars")
    topwork("models", "add-version", tmp_path / "store", "cars", trained / "cars", "--name", "v1")
    return tmp_path / "store"


def photo_of(key):
    return open(key, "rb").read()


def encoded(key):
    return {"b64": base64.b64encode(photo_of(key)).decode()}


def close(scores, wanted):
    return all(abs(a - b) <= 1e-6 for a, b in zip(scores, wanted, strict=True))


def test_every_dialect_answers_as_predict_does(topwork, trained, expected):
    labels = (trained / "cars" / "labels.txt").read_text().split()
    with Server(topwork, trained / "cars") as server:
        for key, row in expected.items():
            wanted = [row["scores"][label] for label in labels]
            plain = server.json("/predict", photo_of(key))
            assert plain["prediction"] == row["prediction"] and plain["sureness"] == row["sureness"]
            assert close([plain["scores"][label] for label in labels], wanted)
            answer = server.json("/v1/models/cars:predict", json.dumps({"instances": [{"key": key, "image_bytes": encoded(key)}]}))
            assert answer["predictions"][0]["key"] == key and labels[answer["predictions"][0]["prediction"]] == row["prediction"]
            assert close(answer["predictions"][0]["scores"], wanted)
            assert server.json("/v1/projects/p/models/cars:predict", json.dumps({"instances": [{"key": key, "image_bytes": encoded(key)}]})) == answer
            outputs = server.json("/v2/models/cars/infer", json.dumps({"inputs": [
                {"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [encoded(key)]}]}))["outputs"]
            assert [output["name"] for output in outputs] == ["scores", "prediction", "label"]
            assert outputs[0]["shape"] == [1, 3] and close(outputs[0]["data"], wanted) and outputs[2]["data"] == [row["prediction"]]
        columns = server.json("/v1/models/cars/versions/1:predict", json.dumps(
            {"signature_name": "serving_default", "inputs": {"image_bytes": [encoded(key) for key in expected], "key": list(expected)}}))["outputs"]
        assert columns["key"] == list(expected)
        assert [labels[index] for index in columns["prediction"]] == [row["prediction"] for row in expected.values()]
        classes = server.json("/v1/models/cars:classify", json.dumps({"examples": [{"image_bytes": encoded(key)} for key in expected]}))["results"]
        for answer, scores, row in zip(classes, columns["scores"], expected.values()):
            assert [pair[0] for pair in answer] == labels and [pair[1] for pair in answer] == scores
            assert close(scores, [row["scores"][label] for label in labels])


def test_model_of_several_labels_names_those_that_count(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", classes=("blue", "red"))
    rows = [f"{path},{path.parent.name},{'even' if int(path.stem) % 2 == 0 else 'odd'}" for path in sorted(photos.rglob("*.jpg"))]
    (tmp_path / "list.csv").write_text("\n".join(rows) + "\n")
    topwork("train", tmp_path / "list.csv", "-o", tmp_path / "run", "-q")
    lines = map(json.loads, topwork("predict", tmp_path / "run", photos, "--json").stdout.splitlines())
    with Server(topwork, tmp_path / "run") as server:
        for row in lines:
            answer = server.json("/predict", photo_of(row["key"]))
            assert answer["labels"] == row["labels"] and answer["prediction"] == row["prediction"]
            assert answer["known"] == pytest.approx(row["known"], abs=1e-6)


def test_form_of_several_photos_answers_each(topwork, trained, expected):
    keys = list(expected)[:3]
    body = b""
    for name, content in [*((key, photo_of(key)) for key in keys), ("note.txt", b"no photo")]:
        body += b'--xx\r\nContent-Disposition: form-data; name="f"; filename="%s"\r\n\r\n%s\r\n' % (name.encode(), content)
    with Server(topwork, trained / "cars") as server:
        answer = server.json("/predict?top=1", body + b"--xx--\r\n", headers={"Content-Type": "multipart/form-data; boundary=xx"})
    rows = answer["predictions"]
    assert [row["key"] for row in rows] == [*keys, "note.txt"]
    assert [row["prediction"] for row in rows[:3]] == [expected[key]["prediction"] for key in keys]
    assert all(len(row["scores"]) == 1 for row in rows[:3]) and "not a photo" in rows[3]["error"]


def test_status_metadata_and_list_tell_what_is_served(topwork, store):
    topwork("models", "label", store, "cars", "stable", 1)
    with Server(topwork, store) as server:
        assert server.json("/v1/models/cars")["model_version_status"] == [
            {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}]
        assert server.json("/v1/models/cars/labels/stable") == server.json("/v1/models/cars/versions/1")
        signature = server.json("/v1/models/cars/metadata")["metadata"]["signature_def"]["signature_def"]["serving_default"]
        assert set(signature["inputs"]) == {"key", "image_bytes"} and set(signature["outputs"]) == {"key", "prediction", "scores"}
        assert signature["outputs"]["scores"]["tensor_shape"]["dim"][1]["size"] == "3"
        version, = server.json("/models")["models"][0]["versions"]
        assert (version["version"], version["name"], version["labels"], version["default"]) == (1, "v1", "stable", True)
        assert server("/live") == (200, b"live\n") and server("/ready") == (200, b"ready\n")


@pytest.mark.parametrize("path, body, code, words", [
    ("/predict", b"", 400, "body is empty"),
    ("/predict", b"not a photo at all", 400, "not a photo"),
    ("/predict/vans", b"x", 404, "no model vans"),
    ("/predict/cars/9", b"x", 404, "no version 9"),
    ("/predict/..%2f..%2fetc", b"x", 404, "no model"),
    ("/predict?top=none", b"x", 400, "top is not a number"),
    ("/nowhere", None, 404, "nothing at this address"),
    ("/predict", None, 405, "takes POST"),
    ("/v1/models/cars:predict", b"", 400, "empty"),
    ("/v1/models/cars:predict", b"{", 400, "ends too early"),
    ("/v1/models/cars:predict", b"[]", 400, "no JSON object"),
    ("/v1/models/cars:predict", b"{}", 400, "one of instances and inputs"),
    ("/v1/models/cars:predict", b'{"instances": [], "inputs": []}', 400, "only one"),
    ("/v1/models/cars:predict", b'{"instances": []}', 400, "no instance"),
    ("/v1/models/cars:predict", b'{"instances": {}}', 400, "no list"),
    ("/v1/models/cars:predict", b'{"instances": [1]}', 400, "image_bytes"),
    ("/v1/models/cars:predict", b'{"instances": [{"b64": "Zm9v"}]}', 400, "instance 0"),
    ("/v1/models/cars:predict", b'{"instances": [{"b64": "Zm9"}]}', 400, "base64"),
    ("/v1/models/cars:predict", b'{"instances": [{"key": 1, "image_bytes": {"b64": "Zm9v"}}]}', 400, "no string"),
    ("/v1/models/cars:predict", b'{"instances": [{"key": "1", "image_bytes": {"b64": "Zm9v"}}, {"image_bytes": {"b64": "Zm9v"}}]}', 400, "instance 1"),
    ("/v1/models/cars:predict", b'{"instances": [{"image_bytes": {"b64": "Zm9v"}, "x": 1}]}', 400, "instance 0"),
    ("/v1/models/cars:predict", b'{"inputs": {"image_bytes": [{"b64": "Zm9v"}], "key": []}}', 400, "1 image_bytes and 0 keys"),
    ("/v1/models/cars:predict", b'{"signature_name": "other", "instances": [{"b64": "Zm9v"}]}', 400, "no signature other"),
    ("/v1/models/cars:predict", b"[" * 100_000, 400, "16 deep"),
    ("/v1/models/cars:predict", json.dumps({"instances": [{"b64": "Zm9v"}] * 100_000}).encode(), 413, "over the limit of 256"),
    ("/v1/models/cars:regress", b"{}", 501, "nothing to regress"),
    ("/v1/models/cars:predict", None, 400, "Malformed request: GET /v1/models/cars:predict"),
    ("/v1/models/cars/versions/x:predict", b"{}", 400, "Malformed request"),
    ("/v1/models/cars/versions/7:predict", b"{}", 404, "no version 7"),
    ("/v1/models/vans", None, 404, "no model vans"),
    ("/v1/models/cars/labels/stable", None, 404, "no version stable"),
    ("/v2/models/cars/infer", b"{}", 400, "list of one"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "x"}]}', 400, "one input is image_bytes"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "FP32", "shape": [1]}]}', 400, "datatype BYTES"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [1]}]}', 400, "neither data"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [0], "data": []}]}', 400, "is 0"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [9, 1e9], "data": []}]}', 413, "limit of 256"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [2], "data": [{"b64": "Zm9v"}]}]}', 400, "shape says 2"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": ["abc"]}]}', 400, "no JSON text"),
    ("/v2/models/cars/infer", b'{"inputs": [{"name": "image_bytes", "datatype": "BYTES", "shape": [1], "data": [{"b64": "Zm9v"}]}], "outputs": [{"name": "x"}]}', 400, "no output x"),
    ("/v2/models/cars/infer", None, 405, "takes POST"),
    ("/v2/models/vans", None, 404, "no model vans"),
    ("/v2/models/cars/nothing", None, 404, "nothing at"),
    ("/v1/projects/p/models/cars:predict", b'{"instances": [{"image_bytes": {"b64": "Zm9v"}}]}', 400, "Prediction failed: image_bytes of instance 0"),
])
def test_bad_requests_get_their_dialects_error(strict, path, body, code, words):
    assert words in strict.json(path, body, code=code)["error"]


@pytest.mark.parametrize("path, body, method, code, status, words", [
    ("/v1/projects/p/models/cars:predict", b"{", "POST", 400, "INVALID_ARGUMENT", "ends too early"),
    ("/v1/projects/p/models/cars:predict", b"{}", "POST", 400, "INVALID_ARGUMENT", "instances"),
    ("/v1/projects/p/models/vans:predict", b"{}", "POST", 404, "NOT_FOUND", "no model vans"),
    ("/v1/projects/p/models/cars/versions/v9:predict", b"{}", "POST", 404, "NOT_FOUND", "no version v9"),
    ("/v1/projects/p/jobs", None, "GET", 404, "NOT_FOUND", "nothing at"),
    ("/v1/projects/p/models", b'{"name": "vans"}', "POST", 404, "NOT_FOUND", "not a store"),
])
def test_bad_requests_to_cloud_ml_get_its_error(strict, path, body, method, code, status, words):
    error = strict.json(path, body, code=code, method=method)["error"]
    assert (error["code"], error["status"]) == (code, status) and words in error["message"]


def test_cloud_mls_resources_are_managed_on_the_admin_address_only(topwork, trained, tmp_path, expected):
    root, key = "/v1/projects/mine/models", list(expected)[0]
    asked = json.dumps({"instances": [{"key": "k", "image_bytes": encoded(key)}]})
    (tmp_path / "store").mkdir()
    with Server(topwork, tmp_path / "store", "--admin", "127.0.0.1:0", "--poll", 0.05) as server:
        def admin(path, body=None, **options):
            return server.json(path, body if body is None else json.dumps(body), admin=True, **options)
        assert server.json(root) == {} and admin(root) == {}
        assert server.json(root, json.dumps({"name": "cars"}), code=403)["error"]["status"] == "PERMISSION_DENIED"
        assert admin(root, {"name": "cars", "description": "red or blue"})["name"] == "projects/mine/models/cars"
        assert admin(root, {"name": "cars"}, code=409)["error"]["status"] == "FAILED_PRECONDITION"
        assert admin(f"{root}/cars/versions") == {}
        made = admin(f"{root}/cars/versions", {"name": "v1", "deploymentUri": str(trained / "cars")})
        assert made["done"] and made["response"]["name"] == "projects/mine/models/cars/versions/v1" and made["response"]["isDefault"]
        admin(f"{root}/cars/versions", {"name": "v2", "deploymentUri": str(trained / "cars" / "model.onnx")})
        assert "nowhere" in admin(f"{root}/cars/versions", {"name": "v3", "deploymentUri": "nowhere"}, code=404)["error"]["message"]
        wait_for(lambda: server(f"{root}/cars/versions/v2:predict", asked)[0] == 200)
        assert server.json(f"{root}/cars:predict", asked)["predictions"][0]["key"] == "k"
        assert [version.get("isDefault") for version in server.json(f"{root}/cars/versions")["versions"]] == [True, None]
        assert "default" in admin(f"{root}/cars/versions/v1", code=409, method="DELETE")["error"]["message"]
        assert admin(f"{root}/cars/versions/v2:setDefault", {}, method="POST")["isDefault"]
        assert admin(f"{root}/cars", {"description": "green too"}, method="PATCH")["description"] == "green too"
        assert admin(f"{root}/cars/versions/v1", method="DELETE")["done"]
        assert "1 version" in admin(f"{root}/cars", code=409, method="DELETE")["error"]["message"]
        admin(f"{root}/cars/versions/v2", method="DELETE")
        admin(f"{root}/cars", method="DELETE")
        assert server.json(root) == {}


def test_kserves_binary_tensors_carry_photos_and_scores(topwork, trained, expected):
    keys = list(expected)[:2]
    labels = (trained / "cars" / "labels.txt").read_text().split()
    binary = b"".join(struct.pack("<I", len(photo_of(key))) + photo_of(key) for key in keys)
    asked = {"id": "my \u00e4", "inputs": [{"name": "image_bytes", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(binary)}}],
             "outputs": [{"name": "label", "parameters": {"binary_data": True}}, {"name": "scores", "parameters": {"binary_data": True}}, {"name": "prediction"}]}
    header = json.dumps(asked).encode()
    with Server(topwork, trained / "cars") as server:
        def infer(body, length):
            return server("/v2/models/cars/versions/1/infer", body, headers={"Inference-Header-Content-Length": str(length)})
        status, body = infer(header + binary, len(header))
        assert status == 200 and server.headers["Content-Type"] == "application/octet-stream"
        length = int(server.headers["Inference-Header-Content-Length"])
        answer, rest = json.loads(body[:length]), body[length:]
        assert answer["id"] == "my \u00e4" and (answer["model_name"], answer["model_version"]) == ("cars", "1")
        sizes = [output.get("parameters", {}).get("binary_data_size", 0) for output in answer["outputs"]]
        names, scores = rest[:sizes[0]], struct.unpack("<6f", rest[sizes[0]:])
        assert names == b"".join(struct.pack("<I", len(row)) + row for row in (expected[key]["prediction"].encode() for key in keys))
        for i, key in enumerate(keys):
            assert close(scores[3 * i:3 * i + 3], [expected[key]["scores"][label] for label in labels])
        assert [labels[index] for index in answer["outputs"][2]["data"]] == [expected[key]["prediction"] for key in keys]
        for cut in (binary[:-1], binary + b"x"):
            assert infer(header + cut, len(header))[0] == 400
        assert infer(header, len(header) + 1)[0] == 400
        assert server.json("/v2/health/ready") == {"ready": True} and server.json("/v2/models/cars/ready")["ready"]
        assert "binary_tensor_data" in server.json("/v2")["extensions"]
        assert server.json("/v2/models/cars")["outputs"][0] == {"name": "scores", "datatype": "FP32", "shape": [-1, 3]}


def test_token_is_asked_for_and_only_its_hash_is_kept(topwork, trained, tmp_path, expected):
    tokens = tmp_path / "tokens"
    tokens.write_text(f"# who may ask\n\n{hashlib.sha256(b'one').hexdigest()} the shop\n{hashlib.sha256(b'two').hexdigest()}\n")
    photo = photo_of(list(expected)[0])
    with Server(topwork, trained / "cars", "--tokens", tokens) as server:
        for headers in ({}, {"Authorization": "Bearer three"}, {"Authorization": "one"}, {"Authorization": "Basic one"}, {"Authorization": "Bearer "}):
            assert "token" in server.json("/predict", photo, code=401, headers=headers)["error"]
            assert server.headers["WWW-Authenticate"] == "Bearer"
        for token in ("one", "two"):
            assert server("/predict", photo, headers={"Authorization": f"Bearer {token}"})[0] == 200
        assert server("/live")[0] == 200 and server("/metrics")[0] == 401
    tokens.write_text("one\n")
    assert "line 1" in topwork("serve", trained / "cars", "--tokens", tokens, code=4, timeout=20).stderr
    tokens.write_text("\n")
    assert "no token" in topwork("serve", trained / "cars", "--tokens", tokens, code=4, timeout=20).stderr


def test_address_beyond_this_machine_needs_tokens_or_a_word(topwork, trained):
    for option in ("--listen", "--admin"):
        assert "--tokens" in topwork("serve", trained / "cars", "--listen", "127.0.0.1:0", option, "0.0.0.0:0", code=2, timeout=20).stderr


def test_supervisor_hands_the_socket_over_and_hears_when_it_is_ready(topwork, trained, tmp_path, expected):
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(str(tmp_path / "notify"))
    notified.settimeout(30)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        port = opened.getsockname()[1]
        command = f'exec {opened.fileno()}<&{opened.fileno()} 3<&{opened.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"'
        process = subprocess.Popen(["bash", "-c", command, "bash", topwork.binary, "serve", str(trained / "cars"), "--listen", "127.0.0.1:1"],
                                   pass_fds=[opened.fileno()], env={**topwork.environment, "NOTIFY_SOCKET": str(tmp_path / "notify")}, stdout=-1, text=True)
        assert notified.recv(100) == b"READY=1"
        assert f"http://127.0.0.1:{port}/" in process.stdout.readline()
        link = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        key = list(expected)[0]
        link.request("POST", "/predict", photo_of(key))
        assert json.loads(link.getresponse().read())["prediction"] == expected[key]["prediction"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_tls_is_spoken(topwork, trained, tmp_path, expected):
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", certificate,
                    "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    with Server(topwork, trained / "cars", "--tls-cert", certificate, "--tls-key", key) as server:
        context = ssl.create_default_context(cafile=certificate)
        link = http.client.HTTPSConnection("127.0.0.1", server.port, context=context, timeout=60)
        photo = list(expected)[0]
        assert json.loads(server("/predict", photo_of(photo), connection=link)[1])["prediction"] == expected[photo]["prediction"]
        link.close()
        with pytest.raises(OSError):
            server("/live")
    assert "both" in topwork("serve", trained / "cars", "--tls-cert", certificate, code=2, timeout=20).stderr
    assert "pair of PEM" in topwork("serve", trained / "cars", "--listen", "127.0.0.1:0", "--tls-cert", key, "--tls-key", certificate, code=5, timeout=20).stderr


def test_packed_body_is_read_and_a_bomb_is_not(topwork, trained, expected):
    key = list(expected)[0]
    body = json.dumps({"instances": [{"image_bytes": encoded(key)}]}).encode()
    packed = {"Content-Encoding": "gzip"}
    with Server(topwork, trained / "cars") as server:
        whole = server("/v1/models/cars:predict", body)[1]
        assert server("/v1/models/cars:predict", gzip.compress(body), headers=packed) == (200, whole)
        assert "when it is unpacked" in server.json("/v1/models/cars:predict", gzip.compress(bytes(200 << 20), 1), code=413, headers=packed)["error"]
        assert "no whole gzip" in server.json("/v1/models/cars:predict", gzip.compress(body)[:-9], code=400, headers=packed)["error"]
        assert "gzip or nothing" in server.json("/v1/models/cars:predict", body, code=415, headers={"Content-Encoding": "br"})["error"]


def test_address_that_asks_too_often_is_told_to_wait(topwork, trained):
    with Server(topwork, trained / "cars", "--rate", 2) as server:
        codes = [server("/live")[0] for _ in range(12)]
        assert codes[:4] == [200] * 4 and 429 in codes
        assert server.headers["Retry-After"] == "1"
        time.sleep(1.1)
        assert server("/live")[0] == 200


def test_access_log_has_a_line_a_request(topwork, trained, tmp_path, expected):
    photo = photo_of(list(expected)[0])
    with Server(topwork, trained / "cars", "--access-log", tmp_path / "log") as server:
        server("/predict", photo, headers={"X-Request-Id": "abc"})
        server("/no%22where%0a{")
        wait_for(lambda: (tmp_path / "log").read_text().count("\n") == 2)
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert (first["id"], first["method"], first["path"], first["code"], first["model"], first["photos"]) == ("abc", "POST", "/predict", 200, "cars", 1)
    assert first["bytes_in"] == len(photo) and first["bytes_out"] > 50 and 0 < first["seconds"] < 60 and first["address"] == "127.0.0.1"
    assert (second["path"], second["code"]) == ('/no"where\n{', 404)


def test_photo_that_waits_too_long_is_given_up(topwork, trained, expected):
    body = json.dumps({"instances": [{"image_bytes": encoded(list(expected)[0])}] * 250})
    with Server(topwork, trained / "cars", "--threads", 1, "--deadline", 0.02) as server:
        assert "waited longer" in server.json("/v1/models/cars:predict", body, code=504)["error"]


def test_label_detection_speaks_as_the_vision_api(topwork, trained, expected):
    keys = list(expected)[:2]
    detect = [{"type": "LABEL_DETECTION", "maxResults": 2}]
    asked = [{"image": {"content": encoded(key)["b64"]}, "features": detect} for key in keys]
    asked += [{"image": {"content": "Zm9v"}, "features": detect}, {"image": {"source": {"imageUri": "http://x/"}}, "features": detect},
              {"image": {"content": "Zm9v"}, "features": [{"type": "FACE_DETECTION"}]}, {"features": detect}, {"image": {"content": "?"}, "features": detect}, 1]
    with Server(topwork, trained / "cars") as server:
        responses = server.json("/v1/images:annotate", json.dumps({"requests": asked}))["responses"]
        for key, response in zip(keys, responses):
            best = [pair for pair in sorted(expected[key]["scores"].items(), key=lambda pair: -pair[1])[:2] if pair[1] > 0]
            assert [row["description"] for row in response["labelAnnotations"]] == [label for label, _ in best]
            assert close([row["score"] for row in response["labelAnnotations"]], [score for _, score in best])
        errors = [response["error"] for response in responses[2:]]
        assert [error["code"] for error in errors] == [3, 7, 12, 3, 3, 3]
        assert "not a photo" in errors[0]["message"] and "fetches no images" in errors[1]["message"]
        for body in (b"{", b"{}", b'{"requests": []}'):
            assert server.json("/v1/images:annotate", body, code=400)["error"]["status"] == "INVALID_ARGUMENT"
        assert server.json("/v1/images:annotate", json.dumps({"requests": asked[2:3]}))["responses"][0]["error"]["code"] == 3


def test_body_over_the_limit_is_refused_before_it_is_read(topwork, trained):
    with Server(topwork, trained / "cars") as server, socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n")
        answer = link.recv(65536)
        assert answer.startswith(b"HTTP/1.1 413") and b"over the limit of 33554432" in answer + link.recv(65536)


def test_endless_chunked_body_is_cut_off(topwork, trained):
    with Server(topwork, trained / "cars") as server, socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        sent, chunk = 0, b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        with pytest.raises(OSError):
            while sent < 200 << 20:
                link.sendall(chunk)
                sent += 1 << 20
        assert sent >= 32 << 20
        assert server("/live")[0] == 200


def test_full_queue_is_said_at_once_and_loses_nothing(topwork, trained, expected):
    rows = [{"image_bytes": encoded(list(expected)[0])}] * 250
    body = json.dumps({"instances": rows})
    with Server(topwork, trained / "cars", "--threads", 1) as server, concurrent.futures.ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: server("/v1/models/cars:predict", body), range(12)))
        codes = [status for status, _ in answers]
        assert set(codes) <= {200, 429} and codes.count(200) >= 2 and codes.count(429) >= 1
        assert all(len(json.loads(content)["predictions"]) == 250 for status, content in answers if status == 200)
        assert all("busy" in json.loads(content)["error"] for status, content in answers if status == 429)
        assert server.metrics()["topwork_queue_photos"] == "0"


def test_connection_is_kept_and_requests_have_ids(topwork, trained, expected):
    key = list(expected)[0]
    with Server(topwork, trained / "cars") as server:
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for _ in range(5):
            assert server("/predict", photo_of(key), connection=link)[0] == 200
        assert re.fullmatch("[0-9a-f]{16}", server.headers["X-Request-Id"])
        server("/predict", photo_of(key), headers={"X-Request-Id": "my-id.1"}, connection=link)
        assert server.headers["X-Request-Id"] == "my-id.1"
        server("/predict", photo_of(key), headers={"X-Request-Id": "my id\tx"}, connection=link)
        assert re.fullmatch("[0-9a-f]{16}", server.headers["X-Request-Id"])
        assert server.headers["X-Content-Type-Options"] == "nosniff"


def test_metrics_count_what_was_answered(topwork, trained, expected):
    with Server(topwork, trained / "cars") as server:
        for key in list(expected)[:4]:
            server("/predict", photo_of(key))
        server("/predict", b"no photo")
        metrics = server.metrics()
    assert metrics['topwork_photos_total{model="cars",version="1"}'] == "4"
    assert metrics['topwork_photos_refused_total{model="cars",version="1"}'] == "1"
    assert metrics['topwork_requests_total{dialect="plain",code="200"}'] == "4"
    assert metrics['topwork_requests_total{dialect="plain",code="400"}'] == "1"
    assert metrics['topwork_request_seconds_count{dialect="plain"}'] == "5"
    assert sum(int(v) for k, v in metrics.items() if k.startswith("topwork_predictions_total")) == 4
    of = '{model="cars",version="1"}'
    assert 0 < float(metrics["topwork_decode_seconds_total" + of]) < 60 and 0 < float(metrics["topwork_compute_seconds_total" + of]) < 60
    bins = json.loads((trained / "cars" / "metrics.json").read_text())["calibration"]["evaluation"]["after"]["bins"]
    mean = sum(count * score for count, score, _ in bins) / sum(count for count, _, _ in bins)
    assert abs(float(metrics["topwork_trained_score" + of]) - mean) < 1e-6
    drift = float(metrics["topwork_best_score_sum_total" + of]) / 4 - mean
    assert abs(float(metrics["topwork_score_drift" + of]) - drift) < 1e-6


def test_a_model_without_its_metrics_says_nothing_of_drift(topwork, trained, expected, tmp_path):
    shutil.copy(trained / "cars" / "model.onnx", tmp_path / "cars.onnx")
    with Server(topwork, tmp_path / "cars.onnx") as server:
        server("/predict", photo_of(next(iter(expected))))
        names = {key.split("{")[0] for key in server.metrics()}
    assert "topwork_photos_total" in names and not names & {"topwork_trained_score", "topwork_score_drift"}


def test_models_on_one_backbone_share_it(topwork, store, trained):
    for number in range(5):
        topwork("models", "create", store, f"other{number}")
        topwork("models", "add-version", store, f"other{number}", trained / "cars")
    with Server(topwork, store) as server:
        assert server.metrics()["topwork_backbones"] == "1"
        assert len(server.json("/models")["models"]) == 6


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_reloads_under_load_fail_no_request(topwork, store, trained, expected):
    key = list(expected)[0]
    content, failures, answered, scores, stop = photo_of(key), [], [], set(), threading.Event()

    def ask(server):
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not stop.is_set():
            status, body = server("/predict/cars", content, connection=link)
            if status != 200:
                failures.append(body)
            answer = json.loads(body)
            answered.append(answer["version"])
            scores.add(tuple(sorted(answer["scores"].items())))

    with Server(topwork, store, "--poll", 0.05) as server, concurrent.futures.ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask, server)
        try:
            for number in range(2, 8):
                topwork("models", "add-version", store, "cars", trained / "cars" / "model.onnx")
                topwork("models", "set-default", store, "cars", number)
                wait_for(lambda: answered and answered[-1] == number)
                topwork("models", "delete", store, "cars", number - 1)
            wait_for(lambda: len(server.json("/models")["models"][0]["versions"]) == 1)
            topwork("models", "add-version", store, "cars", trained / "cars" / "model.onnx")
            topwork("models", "set-default", store, "cars", 8)
            wait_for(lambda: answered[-1] == 8)
            topwork("models", "set-default", store, "cars", 7)  # rolled back by one command
            wait_for(lambda: answered[-1] == 7)
        finally:
            stop.set()
    assert failures == [] and len(answered) > 50
    assert sorted(set(answered)) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert len(scores) == 1  # loading beside answers does not touch them


def test_canary_gets_its_share_of_what_names_no_version(topwork, store, trained, expected):
    topwork("models", "add-version", store, "cars", trained / "cars" / "model.onnx")
    topwork("models", "label", store, "cars", "canary", 2, "--share", 0.25)
    photo = photo_of(list(expected)[0])
    with Server(topwork, store) as server:
        versions = [server.json("/predict/cars", photo)["version"] for _ in range(80)]
        assert 18 <= versions.count(2) <= 22 and versions.count(1) == 80 - versions.count(2)
        assert server.json("/predict/cars/1", photo)["version"] == 1 and server.json("/predict/cars/canary", photo)["version"] == 2


def test_version_that_cannot_be_loaded_keeps_the_old_one_and_is_tried_again(topwork, store, trained, expected):
    key = list(expected)[0]
    topwork("models", "add-version", store, "cars", trained / "cars" / "model.onnx")
    model = store / "cars" / "2" / "model.onnx"
    whole = model.read_bytes()
    model.write_bytes(whole[:1000])
    topwork("models", "set-default", store, "cars", 2)
    with Server(topwork, store, "--poll", 0.05) as server:
        assert server.json("/predict/cars/2", photo_of(key), code=503)["error"].startswith("version 2 of model cars is not available")
        states = {row["version"]: row for row in server.json("/v1/models/cars")["model_version_status"]}
        assert states["1"]["state"] == "AVAILABLE" and states["2"]["state"] == "END"
        assert "1000 bytes" in states["2"]["status"]["error_message"]
        model.write_bytes(whole)
        wait_for(lambda: server.json("/v1/models/cars/versions/2")["model_version_status"][0]["state"] == "AVAILABLE")
        wait_for(lambda: server.json("/predict/cars", photo_of(key))["version"] == 2)
        assert "cannot be served" in server.stop()


def test_end_under_load_answers_what_was_read(topwork, trained, expected):
    key = list(expected)[0]
    body = json.dumps({"instances": [{"image_bytes": encoded(key)}] * 150})
    server = Server(topwork, trained / "cars", "--threads", 1, "--max-queue", 1000)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server, "/v1/models/cars:predict", body) for _ in range(4)]
        wait_for(lambda: int(server.metrics()["topwork_requests_in_progress"]) == 5)  # these four and the one that asks
        server.stop()
        assert [future.result()[0] for future in asked] == [200] * 4
    with pytest.raises(OSError):
        server("/live")


@pytest.mark.parametrize("arguments, code, words", [
    (("nowhere",), 4, "should be a store, a run folder or a model file"),
    (("RUN", "--listen", "nobody:80"), 2, "no address to listen on"),
    (("RUN", "--listen", "127.0.0.1:99999"), 2, "no port"),
    (("RUN", "--name", "../x"), 2, "cannot be the name"),
])
def test_wrong_calls_get_a_sentence(topwork, trained, arguments, code, words):
    assert words in topwork("serve", *[trained / "cars" if word == "RUN" else word for word in arguments], code=code, timeout=20).stderr


def test_port_that_is_taken_is_named(topwork, trained):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port}: Address already in use" in topwork("serve", trained / "cars", "--listen", f"127.0.0.1:{port}", code=5, timeout=20).stderr
