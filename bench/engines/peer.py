"""What every peer shares. An engine is a program; its one argument is a JSON object, the job:

model (path), precision, threads, size, mean, scale, resize, photos (paths), seconds (of each measurement), tensors (a .npy file of
inputs), once (true: only from nothing to the first photo's embedding), and for topwork the binaries. It prints one JSON object:
engine and photos, each batch -> {images, seconds, cpu_seconds}; embeddings of the tensors; versions.

The way of threads is the one that serves a folder of photos best: as many runs at a time as threads, each on one."""
import json
import queue
import sys
import threading
import time

import numpy as np
import PIL
from PIL import Image


def job():
    return json.loads(sys.argv[1])


def pixels(path, job):
    """float [3,size,size], as a user of Pillow and NumPy writes it."""
    with Image.open(path) as image:
        small = image.convert("RGB").resize((job["size"], job["size"]), Image.BILINEAR)
    normal = (np.asarray(small, np.float32) - np.float32(job["mean"])) * np.float32(job["scale"])
    return normal.transpose(2, 0, 1)


def run_threads(count, work):
    """work(number) in each of `count` threads; what fails there fails here."""
    failures = []

    def run(number):
        try:
            work(number)
        except Exception as failure:  # goes on in the main thread
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def timed(job, once):
    """`once(number)` runs a batch and says of how many images; it is called by all threads until the time is over."""
    counts = [0] * job["threads"]
    once(0)  # what is made at the first call
    began, began_cpu = time.perf_counter(), time.process_time()

    def work(number):
        while time.perf_counter() - began < job["seconds"]:
            counts[number] += once(number)

    run_threads(job["threads"], work)
    return {"images": sum(counts), "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu}


def measure_engine(job, infer, batch):
    tensors = np.load(job["tensors"])
    inputs = np.ascontiguousarray(tensors[np.arange(batch) % len(tensors)])

    def once(_number):
        infer(inputs)
        return batch

    return timed(job, once)


def measure_photos(job, infer, batch, load=pixels):
    """Each thread decodes a batch of photos, one after the other, and runs it."""
    left = queue.SimpleQueue()
    for path in job["photos"] * 100:
        left.put(path)

    def once(_number):
        infer(np.ascontiguousarray(np.stack([load(left.get(), job) for _ in range(batch)])))
        return batch

    return timed(job, once)


def main(make, versions):
    """make(job) gives infer: float [n,3,size,size] -> [n,values], for many threads at once."""
    work = job()
    infer = make(work)
    if work.get("once"):
        print(json.dumps({"first": infer(pixels(work["photos"][0], work)[None])[0].tolist()[:1]}))
        return
    tensors = np.load(work["tensors"])
    print(json.dumps({
        "engine": {batch: measure_engine(work, infer, batch) for batch in work["batches"]},
        "photos": {batch: measure_photos(work, infer, batch) for batch in work["batches"]},
        "embeddings": [infer(tensor[None])[0].tolist() for tensor in tensors],
        "versions": {**versions, "Pillow": PIL.__version__}}))
