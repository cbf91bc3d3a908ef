"""Measures topwork beside its peers: every engine in turn, several rounds, so that what else the machine does hits all alike.

Called by bench/run. Speeds are medians over the rounds; a ratio is the median of the rounds' ratios. "by CPU" compares the CPU
seconds spent on an image and so holds on a busy machine too. Standard library only: a child's peak memory counts this one's.
"""
import argparse
import hashlib
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
CALIBRATION, COMPARED = 48, 8


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/run")
    parser.add_argument("--peers-python", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--topwork", default="build/topwork", help="the binary to measure")
    parser.add_argument("--full", action="store_true", help="all networks of bench/cases.py, not only the quick ones")
    parser.add_argument("--only", help="one network of bench/cases.py")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.7, help="of each measurement")
    parser.add_argument("--minutes", type=float, default=14, help="no further round begins that would end later")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/performance.md")
    return parser.parse_args()


def cpu_name():
    names = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    flags = next((line.split() for line in open("/proc/cpuinfo") if line.startswith("flags")), [])
    known = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8")
    sets = " ".join(name for name in known if name in flags)
    return f"{names[0] if names else platform.machine()}, {len(os.sched_getaffinity(0))} cores ({sets})"


class Bench:
    def __init__(self, options):
        self.options, self.began = options, time.monotonic()
        self.shared = pathlib.Path(os.environ.get("TOPWORK_SHARED", ROOT.parent / "shared"))
        self.topwork = str(pathlib.Path(options.topwork).resolve())
        self.measure = str(pathlib.Path(options.topwork).resolve().parent / "tests/tools/measure")
        photos = sorted(map(str, (self.shared / "data/flowers/photos").resolve().glob("*/*.jpg")))
        photos = photos or sorted(map(str, (ROOT / "examples/hugs/photos").glob("*/*.jpg")))
        # Neighbours in a folder are alike in size; a fixed stride mixes them, the same for every engine.
        self.photos = [photos[i * 7919 % len(photos)] for i in range(len(photos))]
        self.cores = sorted(os.sched_getaffinity(0))
        self.versions, self.notes, self.wrong, self.cosines, self.starts = {}, [], [], {}, []
        self.files = {}  # (network, engine, precision): model; (network, "folder"): what prepare.py made

    def peers(self, script, *args, text=None):
        done = subprocess.run([self.options.peers_python, ROOT / "bench" / script, *map(str, args)], input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode:
            sys.exit(f"bench/{script} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    def model(self, network, cache):
        if not network.file:
            path = cache / f"{network.name}.onnx"
            if not path.exists():
                self.peers("networks.py", network.name, path)
            return path
        path = ROOT / network.file if network.file.startswith("./") else self.shared / network.file
        return path if path.exists() else None

    def narrow(self, network, model, cache):
        """The model of eight bits that topwork makes of the same photos as NNCF."""
        maker = hashlib.sha256(pathlib.Path(self.topwork).read_bytes()).hexdigest()[:12]
        path = cache / f"{network.name}-int8-{maker}.onnx"
        if not path.exists():
            with tempfile.TemporaryDirectory() as folder:
                listing = pathlib.Path(folder) / "photos.csv"
                listing.write_text("".join(f'"{photo}",a\n' for photo in self.photos[:CALIBRATION]))
                subprocess.run([self.topwork, "backbone", "quantize", model, "--calibrate", listing, "-q", "-o", path], check=True)
        return path

    def prepare(self, network):
        """False: the network cannot be measured here."""
        key = hashlib.sha256(json.dumps([str(self.options.peers_python), *self.photos[:CALIBRATION]]).encode()).hexdigest()[:8]
        root = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache"))
        cache = root / "topwork" / f"bench-{key}"
        folder = cache / network.name
        folder.mkdir(parents=True, exist_ok=True)
        model = self.model(network, cache)
        if model is None:
            self.notes.append(f"{network.name} was not measured: there is no {network.file} in the shared folder (TOPWORK_SHARED).")
            return False
        if not (folder / "versions.json").exists():
            print(f"{network.name}: preparing", file=sys.stderr)
            self.peers("prepare.py", json.dumps({
                "model": str(model), "size": network.size, "mean": network.mean, "scale": network.scale, "resize": network.resize,
                "photos": self.photos[:CALIBRATION], "compared": COMPARED, "folder": str(folder)}))
        self.versions.update(json.loads((folder / "versions.json").read_text()))
        narrow = self.narrow(network, model, cache)
        self.files[network.name, "folder"] = folder
        for _, engine, precisions in cases.ENGINES:
            for precision in precisions:
                own = folder / "openvino-int8.xml" if engine == "openvino_cpu" else narrow
                self.files[network.name, engine, precision] = str(own if precision == "int8" else model)
        return True

    def job(self, network, engine, precision, threads):
        folder = self.files[network.name, "folder"]
        return {"model": self.files[network.name, engine, precision], "precision": precision, "threads": threads, "size": network.size,
                "mean": network.mean, "scale": network.scale, "resize": network.resize, "photos": self.photos,
                "seconds": self.options.seconds, "batches": cases.BATCHES, "tensors": str(folder / "tensors.npy"),
                "raw": str(folder / "tensors.f32"), "topwork": self.topwork, "measure": self.measure}

    def start(self, engine, job):
        """Output, wall seconds and peak bytes of an engine's process, pinned to as many cores as threads."""
        python = sys.executable if engine == "topwork" else self.options.peers_python
        cores = self.cores[:job["threads"]]
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            began = time.perf_counter()
            process = subprocess.Popen([python, ROOT / "bench/engines" / f"{engine}.py", json.dumps(job)], stdout=output, stderr=errors,
                                       preexec_fn=lambda: os.sched_setaffinity(0, cores))
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - began
            process.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0), errors.seek(0)
            if process.returncode:
                sys.exit(f"bench/engines/{engine}.py failed:\n{errors.read()[-2000:]}")
            return output.read(), seconds, usage.ru_maxrss * 1024

    def run(self, network, engine, precision, threads):
        job = self.job(network, engine, precision, threads)
        answer = json.loads(self.start(engine, job)[0].splitlines()[-1])
        self.versions.update(answer["versions"])
        key = network.name, engine, precision
        if key not in self.cosines:
            self.cosines[key] = self.compare(network, engine, answer)
            least = (cases.DECOY_COSINES if network.decoy else cases.COSINES)[precision]
            if engine == "topwork" and not self.cosines[key] >= least:
                self.wrong.append(f"{network.name} {precision}: cosine {self.cosines[key]:.6f}, not {least}")
        return answer

    def compare(self, network, engine, answer):
        job = {"reference": str(self.files[network.name, "folder"] / "reference.npy")}
        if engine == "topwork":
            job.update(records=answer["records"], keys=self.photos[:COMPARED])
        else:
            job.update(embeddings=answer["embeddings"])
        return float(self.peers("compare.py", text=json.dumps(job)))

    def cold(self, network, precision, threads=1):
        """From nothing to one photo's embedding: seconds and peak memory, every engine in turn."""
        spent = {}
        for _ in range(3):
            for title, engine, precisions in cases.ENGINES:
                if precision in precisions:
                    _, seconds, peak = self.start(engine, {**self.job(network, engine, precision, threads), "once": True})
                    spent.setdefault(title, []).append((seconds, peak))
        ours = statistics.median(seconds for seconds, _ in spent["topwork"])
        for title, values in spent.items():
            seconds = statistics.median(seconds for seconds, _ in values)
            self.starts.append([network.name, precision, title, f"{seconds:.2f} s", f"{seconds / ours:.1f}",
                                f"{max(peak for _, peak in values) / 1e6:.0f} MB"])


def rate(answers, part, batch):
    return statistics.median(one[part][batch]["images"] / one[part][batch]["seconds"] for one in answers)


def ratios(ours, theirs, part, batch, key):
    """Of the rounds: how many times as long (or as much CPU time) the peer takes for an image; the better of topwork's batches."""
    def cost(answer, number):
        return answer[part][number][key] / answer[part][number]["images"]
    return [cost(b, batch) / min(cost(a, number) for number in a[part]) for a, b in zip(ours, theirs)]


def rows_of(bench, network, precision, threads, answers):
    ours = answers["topwork"]
    for title, engine, _ in cases.ENGINES:
        if engine not in answers:
            continue
        row = [network.name, precision, str(threads), title]
        for part in ("engine", "photos"):
            row += ["/".join(f"{rate(answers[engine], part, str(batch)):.1f}" for batch in cases.BATCHES)]
            if engine == "topwork":
                row += ["", ""]
                continue
            best = max(map(str, cases.BATCHES), key=lambda batch: rate(answers[engine], part, batch))
            wall = ratios(ours, answers[engine], part, best, "seconds")
            cpu = ratios(ours, answers[engine], part, best, "cpu_seconds")
            row += [f"{statistics.median(wall):.2f} ({min(wall):.2f} to {max(wall):.2f})", f"{statistics.median(cpu):.2f}"]
        yield row + [f"{bench.cosines[network.name, engine, precision]:.5f}"]


def table(header, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows])


def measure(bench, networks):
    threads = sorted({1, len(bench.cores)})
    answers, longest = {}, 0
    limit = bench.began + 60 * bench.options.minutes
    for number in range(bench.options.rounds):
        start = time.monotonic()
        if number and start + longest > limit:
            bench.notes.append(f"{number} of {bench.options.rounds} rounds: more did not fit into {bench.options.minutes:g} minutes.")
            break
        for network in networks:
            for precision in cases.PRECISIONS:
                for count in threads:
                    for _, engine, precisions in cases.ENGINES:
                        if precision in precisions:
                            answers.setdefault((network.name, precision, count), {}).setdefault(engine, []).append(
                                bench.run(network, engine, precision, count))
                    print(f"round {number + 1}: {network.name} {precision}, {count} threads, {time.monotonic() - bench.began:.0f} s",
                          file=sys.stderr)
        longest = max(longest, time.monotonic() - start)
    return answers


def report(bench):
    known = [network.name for network in cases.NETWORKS]
    if bench.options.only not in (None, *known):
        sys.exit(f"bench: there is no network {bench.options.only}; known are {', '.join(known)}")
    names = [bench.options.only] if bench.options.only else known if bench.options.full else cases.QUICK
    networks = [network for network in cases.NETWORKS if network.name in names and bench.prepare(network)]
    bench.began = time.monotonic()  # what was installed and prepared once does not count
    for network in networks:
        for precision in cases.PRECISIONS if network.name in cases.QUICK else ("f32",):
            bench.cold(network, precision)
    answers = measure(bench, networks)
    rows = [row for network in networks for (name, precision, count), found in answers.items() if name == network.name
            for row in rows_of(bench, network, precision, count, found)]
    header = ["network", "precision", "threads", "", "engine, images/s", "ratio (rounds)", "by CPU", "JPEG to embedding, photos/s",
              "ratio (rounds)", "by CPU", "least cosine"]
    starts = table(["network", "precision", "", "start to first embedding", "ratio", "peak memory"], bench.starts)
    versions = ", ".join(f"{name} {version}" for name, version in bench.versions.items())
    return "\n\n".join([
        table(header, rows), "From the start of a process to the embedding of one photo, one thread:", starts, *bench.notes,
        f"CPU: {cpu_name()}. Versions: {versions}. {bench.options.rounds} rounds in turn of {bench.options.seconds:g} s a figure; "
        f"load of the machine at the end {os.getloadavg()[0]:.1f}. Made by `make bench ARGS=\"{command(bench.options)}\"`."]) + "\n"


def command(options):
    return " ".join(["--full"] * options.full + ["--write"])


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
    if bench.wrong:
        sys.exit("bench: fast, but wrong embeddings: " + "; ".join(bench.wrong))
    if bench.options.write:
        write(text)


if __name__ == "__main__":
    main()
