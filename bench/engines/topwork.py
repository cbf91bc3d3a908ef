"""topwork: the engine alone by build/tests/tools/measure, from JPEG to embedding by `topwork embed`, as a user runs it, whose start
and loading fall out as the difference of two runs. Standard library only."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time


def spent(command):
    """Wall time, CPU time of a child."""
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime


def embed(job, photos, folder):
    listing, output = os.path.join(folder, f"{len(photos)}.csv"), os.path.join(folder, f"{len(photos)}.out")
    with open(listing, "w") as file:
        file.writelines(f'"{path}",a\n' for path in photos)
    return spent([job["topwork"], "embed", listing, "--backbone", job["model"], "--precision", job["precision"], "--threads",
                  str(job["threads"]), "--ignore-exif", "--no-cache", "--eval-share", "0", "-q", "-o", output])


def measure_engine(job, batch):
    """build/tests/tools/measure prints images, wall and CPU seconds."""
    done = subprocess.run([job["measure"], job["model"], job["precision"], str(job["threads"]), str(batch), str(job["seconds"]),
                           job["raw"]], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"{job['measure']}: exit {done.returncode}")
    images, seconds, cpu_seconds = done.stdout.split()
    return {"images": int(images), "seconds": float(seconds), "cpu_seconds": float(cpu_seconds)}


def measure_photos(job, rate):
    few, folder = 8, tempfile.mkdtemp()
    count = max(24, min(len(job["photos"]) - few, int(1.5 * rate * job["seconds"])))
    start = embed(job, job["photos"][:few], folder)
    whole = embed(job, job["photos"][:few + count], folder)
    return {"images": count, "seconds": whole[0] - start[0], "cpu_seconds": whole[1] - start[1],
            "records": sorted(glob.glob(os.path.join(folder, f"{few + count}.out", "*.gz")))}


def main():
    job = json.loads(sys.argv[1])
    if job.get("once"):
        os.execv(job["topwork"], [job["topwork"], "embed", job["photos"][0], "--backbone", job["model"], "--precision", job["precision"],
                                  "--threads", str(job["threads"]), "--ignore-exif", "--no-cache", "-q", "-o", tempfile.mkdtemp() + "/out"])
    engine = {batch: measure_engine(job, batch) for batch in job["batches"]}
    best = max(one["images"] / one["seconds"] for one in engine.values())
    photos = measure_photos(job, best)
    print(json.dumps({
        "engine": engine, "photos": {batch: photos for batch in job["batches"]}, "records": photos["records"],
        "versions": {"topwork": subprocess.run([job["topwork"], "--version"], capture_output=True, text=True).stdout.split()[-1]}}))


if __name__ == "__main__":
    main()
