"""Measures the cases of cases.py: every engine in turn, several rounds, so that what else the machine does hits all alike.

Called by bench/run. Speeds are medians over the rounds; a ratio is the median of the rounds' ratios. "by CPU time" compares the CPU
seconds spent and so holds on a busy machine too. Standard library only: the child processes' peak memory counts this one's.
"""
import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

import cases

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- written by bench/run --write -->\n", "<!-- end of what bench/run writes -->\n"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/run")
    parser.add_argument("--peers-python", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--topwork", default="build/topwork", help="the binary to measure")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="one network of bench/cases.py")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    return parser.parse_args()


def cpu_name():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores"


def instruction_sets():
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    return " ".join(name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8") if name in flags)


class Bench:
    def __init__(self, options):
        self.options = options
        self.shared = pathlib.Path(os.environ.get("TOPWORK_SHARED", ROOT.parent / "shared"))
        self.networks = {network.name: network for network in cases.NETWORKS}
        self.topwork = str(pathlib.Path(options.topwork).resolve())
        self.photos = sorted(map(str, (self.shared / "data/flowers/photos").glob("*/*.jpg")))
        if not self.photos:
            self.photos = sorted(map(str, (ROOT / "examples/hugs/photos").glob("*/*.jpg")))
        # Neighbours in a folder are alike in size; a fixed stride mixes them, the same for every engine.
        self.photos = [self.photos[i * 7919 % len(self.photos)] for i in range(len(self.photos))]
        self.versions = {}

    def model(self, network):
        file = ROOT / network.file if network.file.startswith("./") else self.shared / network.file
        return file if file.exists() else None

    def run(self, engine, case):
        network = self.networks[case.network]
        photos = self.photos[:network.photos]
        job = {"model": str(self.model(network)), "photos": photos,
               "warm": min(network.warm_photos, len(photos) // 5), "threads": case.threads, "precision": case.precision,
               "size": network.size, "mean": network.mean, "scale": network.scale, "topwork": self.topwork}
        cores = sorted(os.sched_getaffinity(0))[:case.threads]
        done = subprocess.run([self.options.peers_python, ROOT / "bench/engines" / f"{engine}.py", json.dumps(job)], stdout=subprocess.PIPE, text=True,
                              preexec_fn=lambda: os.sched_setaffinity(0, cores))
        if done.returncode:
            sys.exit(f"bench/engines/{engine}.py failed on {case}")
        answer = json.loads(done.stdout.splitlines()[-1])
        self.versions.update(answer["versions"])
        return answer

    def measure(self, case):
        """One line a peer: medians over the rounds."""
        answers = {engine: [] for _, engine in cases.ENGINES}
        for number in range(self.options.rounds):
            for _, engine in cases.ENGINES:
                answers[engine].append(self.run(engine, case))
            print(f"{case.network} {case.precision}, {case.threads} threads: round {number + 1} of {self.options.rounds}", file=sys.stderr)
        ours = answers[cases.ENGINES[0][1]]
        for title, engine in cases.ENGINES[1:]:
            theirs = answers[engine]
            wall = [b["seconds"] / a["seconds"] for a, b in zip(ours, theirs)]
            yield [case.network, case.precision, str(case.threads), f"{speed(ours):.1f}", title, f"{speed(theirs):.1f}",
                   f"{statistics.median(wall):.2f} ({min(wall):.2f} to {max(wall):.2f})",
                   f"{statistics.median(b['cpu_seconds'] / a['cpu_seconds'] for a, b in zip(ours, theirs)):.2f}",
                   megabytes(ours), megabytes(theirs)]

    def cold_start(self, network):
        """Seconds from starting a process to its end with one prediction, topwork and ONNX Runtime on the same model file."""
        with tempfile.TemporaryDirectory() as folder:
            listing = os.path.join(folder, "few.csv")
            with open(listing, "w") as file:
                file.writelines(f'"{path}",{"ab"[i % 2]}\n' for i, path in enumerate(self.photos[:8]))
            run = os.path.join(folder, "run")
            subprocess.run([self.topwork, "train", listing, "--backbone", self.model(network), "--steps", "2", "--eval-share", "0", "-q",
                            "--no-cache", "-o", run], check=True, stdout=subprocess.DEVNULL)
            model, photo = os.path.join(run, "model.onnx"), self.photos[9]
            theirs = [self.options.peers_python, ROOT / "bench/cold_start.py", model, photo, str(network.size), str(network.mean), str(network.scale)]
            spent = {}
            for _ in range(self.options.rounds):
                for name, command in (("topwork", [self.topwork, "predict", model, photo]), ("ONNX Runtime", theirs)):
                    began = time.perf_counter()
                    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                    spent.setdefault(name, []).append(time.perf_counter() - began)
        return ", ".join(f"{name} {statistics.median(seconds):.2f} s" for name, seconds in spent.items())


def speed(answers):
    return statistics.median(answer["count"] / answer["seconds"] for answer in answers)


def megabytes(answers):
    return f"{max(answer['peak_bytes'] for answer in answers) / 1e6:.0f} MB"


def table(rows):
    header = ["network", "precision", "threads", "topwork photos/s", "peer", "peer photos/s", "ratio (rounds)", "ratio by CPU time", "topwork peak memory",
              "peer peak memory"]
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def report(bench):
    wanted = [case for case in cases.CASES if bench.options.only in (None, case.network)]
    if not wanted:
        sys.exit(f"bench: there is no network {bench.options.only}; known are {', '.join(bench.networks)}")
    rows, starts, notes = [], [], []
    for name in dict.fromkeys(case.network for case in wanted):
        network = bench.networks[name]
        if not bench.model(network):
            notes.append(f"{name} was not measured: there is no {bench.shared / network.file} (TOPWORK_SHARED names the folder).")
            continue
        for case in (case for case in wanted if case.network == name):
            rows += bench.measure(case)
        starts.append(f"From the start of a process to its first prediction, {name}: {bench.cold_start(network)}.")
    lines = [table(rows)] if rows else []
    versions = ", ".join(f"{name} {version}".replace("topwork topwork", "topwork") for name, version in bench.versions.items())
    lines += [*starts, *notes, f"CPU: {cpu_name()} ({instruction_sets()}). Versions: {versions}. {bench.options.rounds} rounds in turn, "
              "everybody pinned to as many cores as threads, from JPEG files to embeddings. Made by `make bench ARGS=--write`."]
    return "\n\n".join(lines) + "\n"


def write(text):
    page = ROOT / "docs/performance.md"
    before, rest = page.read_text().split(BEGIN)
    page.write_text(before + BEGIN + "\n" + text + "\n" + END + rest.split(END)[1])


def main():
    bench = Bench(arguments())
    if not bench.photos:
        sys.exit("bench: there are no photos in ../shared/data/flowers nor in examples/hugs")
    text = report(bench)
    print(text)
    if bench.options.write:
        write(text)


if __name__ == "__main__":
    main()
