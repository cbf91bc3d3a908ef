"""ONNX Runtime on the CPU, fed by Pillow: one session, a photo a thread. int8: the QDQ model of `topwork backbone quantize`."""
import onnxruntime

import peer


def make(job):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(job["model"], options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(["embedding"], {name: images})[0]


if __name__ == "__main__":
    peer.main(make, {"ONNX Runtime": onnxruntime.__version__})
