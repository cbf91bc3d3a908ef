"""The prediction server: the same answers as `topwork predict` in every dialect, bad requests, reloads, and its end."""
import base64
import concurrent.futures
import http.client
import json
import os
import re
import signal
import socket
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
        self.port = int(re.search(r":(\d+)/", line)[1])

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

    def __call__(self, path, body=None, method=None, headers=None, connection=None):
        """Status and body of one request."""
        link = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
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
        columns = server.json("/v1/models/cars/versions/1:predict", json.dumps(
            {"signature_name": "serving_default", "inputs": {"image_bytes": [encoded(key) for key in expected], "key": list(expected)}}))["outputs"]
        assert columns["key"] == list(expected)
        assert [labels[index] for index in columns["prediction"]] == [row["prediction"] for row in expected.values()]
        classes = server.json("/v1/models/cars:classify", json.dumps({"examples": [{"image_bytes": encoded(key)} for key in expected]}))["results"]
        for answer, scores, row in zip(classes, columns["scores"], expected.values()):
            assert [pair[0] for pair in answer] == labels and [pair[1] for pair in answer] == scores
            assert close(scores, [row["scores"][label] for label in labels])


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
])
def test_bad_requests_get_their_dialects_error(strict, path, body, code, words):
    assert words in strict.json(path, body, code=code)["error"]


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
    content, failures, answered, stop = photo_of(key), [], [], threading.Event()

    def ask(server):
        link = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        while not stop.is_set():
            status, body = server("/predict/cars", content, connection=link)
            if status != 200:
                failures.append(body)
            answered.append(json.loads(body)["version"])

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
    body = json.dumps({"instances": [{"image_bytes": encoded(key)}] * 60})
    server = Server(topwork, trained / "cars", "--threads", 1)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server, "/v1/models/cars:predict", body) for _ in range(4)]
        wait_for(lambda: int(server.metrics()["topwork_queue_photos"]) >= 120)
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
