"""What every peer shares: photos through Pillow, a loop over as many threads as asked, the answer as JSON.

An engine is a program. Its one argument is a JSON object: model, photos (paths), warm (how many of them come first and are not
measured), threads, precision, size, mean, scale; topwork also gets topwork (the binary). It prints one JSON object: seconds
and cpu_seconds of the photos after the warm ones, count (of those), peak_bytes, versions (name to version).
"""
import json
import queue
import resource
import sys
import threading
import time

import numpy as np
import PIL
from PIL import Image


def job():
    return json.loads(sys.argv[1])


def pixels(path, job):
    """float [1,3,size,size], as a user of Pillow and NumPy writes it."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize((job["size"], job["size"]), Image.BILINEAR)
    normal = (np.asarray(small, np.float32) - np.float32(job["mean"])) * np.float32(job["scale"])
    return np.ascontiguousarray(normal.transpose(2, 0, 1)[None])


def run_all(paths, job, infer):
    """Each thread decodes and runs a photo at a time: the way that keeps all cores busy."""
    left = queue.SimpleQueue()
    for path in paths:
        left.put(path)
    failures = []

    def work():
        try:
            while True:
                infer(pixels(left.get_nowait(), job))
        except queue.Empty:
            pass
        except Exception as failure:  # goes on in the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(job["threads"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def measure(job, infer, versions):
    """`infer` takes pixels and runs the network on one thread; it is called from several threads at once."""
    run_all(job["photos"][:job["warm"]], job, infer)
    began, began_cpu = time.perf_counter(), time.process_time()
    run_all(job["photos"][job["warm"]:], job, infer)
    print(json.dumps({
        "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu,
        "count": len(job["photos"]) - job["warm"], "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "versions": {**versions, "Pillow": PIL.__version__}}))
