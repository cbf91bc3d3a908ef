"""OpenVINO on the CPU, fed by Pillow: a stream and a request a thread. int8: its own model, made by NNCF."""
import threading

import openvino

import peer


def make(job):
    core = openvino.Core()
    model = core.read_model(job["model"])
    compiled = {}
    local, lock = threading.local(), threading.Lock()

    def compile_for(batch):
        with lock:  # batches are static shapes, with which OpenVINO is fastest
            if batch not in compiled:
                copy = model.clone()
                copy.reshape({0: [batch, 3, job["size"], job["size"]]})
                compiled[batch] = core.compile_model(copy, "CPU", {
                    "INFERENCE_NUM_THREADS": job["threads"], "NUM_STREAMS": job["threads"],
                    "INFERENCE_PRECISION_HINT": "bf16" if job["precision"] == "bf16" else "f32"})
            return compiled[batch]

    def infer(images):
        requests = local.__dict__.setdefault("requests", {})
        if len(images) not in requests:
            requests[len(images)] = compile_for(len(images)).create_infer_request()
        return requests[len(images)].infer([images])[0].copy()

    return infer


if __name__ == "__main__":
    peer.main(make, {"OpenVINO": openvino.__version__.split("-")[0]})
