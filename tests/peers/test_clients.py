"""Clients that exist: Triton's HTTP client, requests as TensorFlow Serving documents it, Google's API client for label detection; and the
server's OpenAPI description against what it does."""
import base64
import json
import os
import re
import signal
import subprocess

import numpy as np
import pytest
import requests
import tritonclient.http
from googleapiclient.discovery import build_from_document
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from test_tensorboard import photos


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("clients")
    folder = photos(root / "photos")
    environment = {**os.environ, "XDG_CACHE_HOME": str(root / "cache")}

    def run(*command):
        return subprocess.run([os.environ["TOPWORK"], *map(str, command)], check=True, capture_output=True, text=True, env=environment).stdout
    run("train", folder, "-o", root / "run", "-q")
    run("models", "create", root / "store", "cars")
    run("models", "add-version", root / "store", "cars", root / "run", "--name", "v1")
    run("models", "label", root / "store", "cars", "stable", 1)
    rows = [json.loads(line) for line in run("predict", root / "run", folder, "--json").splitlines()]
    process = subprocess.Popen([os.environ["TOPWORK"], "serve", str(root / "store"), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, text=True)
    address, admin = re.findall(r"http://(\S+?)/", process.stdout.readline())
    labels = (root / "run" / "labels.txt").read_text().split()
    yield {"root": root, "rows": rows, "labels": labels, "address": address, "admin": admin}
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


def photo(row):
    return open(row["key"], "rb").read()


def scores(made, row):
    return [row["scores"][label] for label in made["labels"]]


@pytest.mark.parametrize("binary", [True, False])
def test_tritons_client_infers(made, binary):
    client = tritonclient.http.InferenceServerClient(made["address"])
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("cars") and client.is_model_ready("cars", "1")
    assert client.get_model_metadata("cars")["inputs"][0]["datatype"] == "BYTES"
    rows = made["rows"][:3]
    tensor = tritonclient.http.InferInput("image_bytes", [3], "BYTES")
    tensor.set_data_from_numpy(np.array([photo(row) for row in rows], dtype=object), binary_data=True)
    wanted = [tritonclient.http.InferRequestedOutput(name, binary_data=binary) for name in ("scores", "prediction", "label")]
    answer = client.infer("cars", [tensor], outputs=wanted, request_id="7")
    assert answer.get_response()["id"] == "7"
    np.testing.assert_allclose(answer.as_numpy("scores"), [scores(made, row) for row in rows], atol=1e-6)
    names = [name.decode() if isinstance(name, bytes) else name for name in answer.as_numpy("label")]
    assert names == [row["prediction"] for row in rows]
    assert [made["labels"][index] for index in answer.as_numpy("prediction")] == names
    with pytest.raises(tritonclient.utils.InferenceServerException, match="no model vans"):
        client.infer("vans", [tensor])
    client.close()


def test_requests_speaks_as_tensorflow_serving_documents_it(made):
    row = made["rows"][0]
    data = json.dumps({"signature_name": "serving_default", "instances": [{"image_bytes": {"b64": base64.b64encode(photo(row)).decode()}}]})
    answer = requests.post(f"http://{made['address']}/v1/models/cars:predict", data=data, headers={"content-type": "application/json"})
    answer.raise_for_status()
    np.testing.assert_allclose(answer.json()["predictions"][0]["scores"], scores(made, row), atol=1e-6)


def test_googles_client_detects_labels(made):
    """The discovery document as far as the call needs it."""
    method = {"id": "vision.images.annotate", "path": "v1/images:annotate", "flatPath": "v1/images:annotate", "httpMethod": "POST",
              "parameters": {}, "parameterOrder": [], "request": {"$ref": "Batch"}, "response": {"$ref": "Batch"}}
    document = {"name": "vision", "version": "v1", "rootUrl": f"http://{made['address']}/", "servicePath": "", "batchPath": "batch", "parameters": {},
                "schemas": {"Batch": {"id": "Batch", "type": "object", "properties": {}}}, "resources": {"images": {"methods": {"annotate": method}}}}
    from googleapiclient.http import HttpRequest
    import httplib2
    service = build_from_document(document, http=httplib2.Http(), requestBuilder=HttpRequest)
    row = made["rows"][0]
    body = {"requests": [{"image": {"content": base64.b64encode(photo(row)).decode()}, "features": [{"type": "LABEL_DETECTION", "maxResults": 3}]}]}
    answer = service.images().annotate(body=body).execute()
    assert answer["responses"][0]["labelAnnotations"][0]["description"] == row["prediction"]


@pytest.fixture(scope="module")
def description(made):
    return requests.get(f"http://{made['address']}/openapi.json").json()


def test_description_is_openapi(description):
    validate(description)


def calls(made):
    """A good request of every operation, and bad ones: method, path template, values, body, headers."""
    row = made["rows"][0]
    image, encoded = photo(row), {"b64": base64.b64encode(photo(row)).decode()}
    rows = json.dumps({"instances": [{"key": "k", "image_bytes": encoded}]})
    binary = len(image).to_bytes(4, "little") + image
    header = json.dumps({"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(binary)}}],
                         "outputs": [{"name": "scores", "parameters": {"binary_data": True}}]}).encode()
    infer = json.dumps({"inputs": [{"name": "image_bytes", "shape": [1], "datatype": "BYTES", "data": [encoded]}]})
    for path in ("/predict", "/predict/{model}", "/predict/{model}/{version}"):
        yield from ((("post", path, body, {}) for body in (image, b"no photo", b"")))
    yield "post", "/predict/{model}", b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nno\r\n--x--', {"Content-Type": "multipart/form-data; boundary=x"}
    yield "post", "/corrections/{model}?label=x", image, {}
    for tail in ("", "/versions/{version}", "/labels/{label}"):
        yield "get", f"/v1/models/{{model}}{tail}", None, {}
        yield "get", f"/v1/models/{{model}}{tail}/metadata", None, {}
        yield from (("post", f"/v1/models/{{model}}{tail}:predict", body, {}) for body in (rows, json.dumps({"inputs": [encoded]}), "{"))
        yield "post", f"/v1/models/{{model}}{tail}:classify", json.dumps({"examples": [encoded]}), {}
    for tail in ("", "/versions/{version}"):
        yield from (("post", f"/v1/projects/{{project}}/models/{{model}}{tail}:predict", body, {}) for body in (rows, "{", '{"instances": [{"b64": "Zm9v"}]}'))
        yield "get", f"/v1/projects/{{project}}/models/{{model}}{tail}", None, {}
        yield "delete", f"/v1/projects/{{project}}/models/{{model}}{tail}", None, {}
        yield "get", f"/v2/models/{{model}}{tail}", None, {}
        yield "get", f"/v2/models/{{model}}{tail}/ready", None, {}
        yield from (("post", f"/v2/models/{{model}}{tail}/infer", body, {}) for body in (infer, "{"))
        yield "post", f"/v2/models/{{model}}{tail}/infer", header + binary, {"Inference-Header-Content-Length": str(len(header))}
    yield "patch", "/v1/projects/{project}/models/{model}", '{"description": "new"}', {}
    yield "post", "/v1/projects/{project}/models/{model}/versions/{version}:setDefault", "{}", {}
    for path in ("/v1/projects/{project}/models", "/v1/projects/{project}/models/{model}/versions"):
        yield "get", path, None, {}
        yield "post", path, "{}", {}
    yield "post", "/v1/images:annotate", json.dumps({"requests": [{"image": {"content": encoded["b64"]}, "features": [{"type": "LABEL_DETECTION"}]}]}), {}
    yield "post", "/v1/images:annotate", "{}", {}
    for path in ("/models", "/v2", "/v2/health/live", "/v2/health/ready", "/live", "/ready", "/metrics", "/monitoring/prometheus/metrics", "/openapi.json"):
        yield "get", path, None, {}


def test_server_does_what_its_description_says(made, description):
    values, seen = {"model": "cars", "version": "1", "label": "stable", "project": "p"}, set()
    for address in (made["address"], made["admin"]):
        for method, template, body, headers in calls(made):
            answer = requests.request(method, f"http://{address}{template.format(**values)}", data=body, headers=headers)
            operation = description["paths"][template.split("?")[0]][method]
            seen.add((template.split("?")[0], method))
            where = f"{method} {template} {answer.status_code} {answer.text[:200]}"
            assert str(answer.status_code) in operation["responses"], where
            response = operation["responses"][str(answer.status_code)]
            if "$ref" in response:
                response = description["components"]["responses"][response["$ref"].rsplit("/", 1)[1]]
            content = response["content"]
            kind = answer.headers["Content-Type"].split(";")[0]
            assert kind in content, where
            if kind == "application/json":
                schema = {**content[kind]["schema"], "components": description["components"]}
                problems = [error.message for error in Draft202012Validator(schema).iter_errors(answer.json())]
                assert problems == [], where
    assert seen == {(path, method) for path, operations in description["paths"].items() for method in operations}
