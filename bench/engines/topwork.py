"""`topwork embed`, as a user runs it: from JPEG files to records. Start and loading fall out as the difference of two runs."""
import json
import os
import subprocess
import sys
import tempfile
import time


def embed(job, photos, folder):
    """Wall time, CPU time and peak memory of one run over photos."""
    listing = os.path.join(folder, f"{len(photos)}.csv")
    with open(listing, "w") as file:
        file.writelines(f'"{path}",a\n' for path in photos)
    command = [job["topwork"], "embed", listing, "--backbone", job["model"], "--precision", job["precision"], "--threads", str(job["threads"]),
               "--ignore-exif", "--no-cache", "--eval-share", "0", "-q", "-o", os.path.join(folder, f"{len(photos)}.out")]
    began = time.perf_counter()
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def main():
    job = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        warm = embed(job, job["photos"][:job["warm"]], folder)
        whole = embed(job, job["photos"], folder)
    print(json.dumps({
        "seconds": whole[0] - warm[0], "cpu_seconds": whole[1] - warm[1], "count": len(job["photos"]) - job["warm"], "peak_bytes": whole[2],
        "versions": {"topwork": subprocess.run([job["topwork"], "--version"], capture_output=True, text=True).stdout.strip()}}))


if __name__ == "__main__":
    main()
