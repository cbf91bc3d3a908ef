"""ONNX Runtime on the CPU, fed by Pillow: one session, a photo a thread."""
import onnxruntime

import peer


def main():
    job = peer.job()
    if job["precision"] != "f32":
        raise SystemExit(f"onnx_runtime runs f32 only, not {job['precision']}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    peer.measure(job, lambda image: session.run(["embedding"], {name: image}), {"ONNX Runtime": onnxruntime.__version__})


if __name__ == "__main__":
    main()
