"""A server under load, on the photos of examples/hugs. Called by bench/serving."""
import argparse
import contextlib
import http.client
import json
import pathlib
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOPWORK = ROOT / "build/topwork"
PHOTOS = sorted((ROOT / "examples/hugs/photos").rglob("*.jpg"))
LUA = """local photos = {{{photos}}}
local bodies, at = {{}}, 0
for i, path in ipairs(photos) do local file = io.open(path, "rb"); bodies[i] = file:read("*a"); file:close() end
request = function() at = at % #bodies + 1; return wrk.format("POST", "/predict/hugs", {{}}, bodies[at]) end
done = function(summary, latency, requests)
    io.write(string.format("RESULT %d %d %d %f %f\\n", summary.requests, summary.errors.status, summary.errors.connect + summary.errors.read +
        summary.errors.write + summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


def run(*command):
    subprocess.run([str(part) for part in (TOPWORK, *command)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Bench:
    def __init__(self, folder):
        self.folder, self.store = folder, folder / "store"
        run("train", ROOT / "examples/hugs/photos", "-o", folder / "run", "-q")
        run("models", "create", self.store, "hugs")
        run("models", "add-version", self.store, "hugs", folder / "run")
        (folder / "load.lua").write_text(LUA.format(photos=",".join(json.dumps(str(photo)) for photo in PHOTOS)))

    @contextlib.contextmanager
    def server(self, *options):
        """On core 0, where there are two."""
        command = ["taskset", "-c", "0", TOPWORK, "serve", self.store, "--listen", "127.0.0.1:0", "--threads", 1, "--poll", 0.05, *options]
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            yield re.search(r"http://\S+", process.stdout.readline())[0].rstrip("/")
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0

    def load(self, url, seconds, connections=4):
        """On core 1: requests, answers that were no 2xx, broken connections, p50 and p99 in ms."""
        command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "-s", str(self.folder / "load.lua"), url]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def result(process):
    numbers = re.search(r"RESULT (.*)", process.communicate()[0])[1].split()
    return dict(requests=int(numbers[0]), refused=int(numbers[1]), broken=int(numbers[2]), p50_ms=float(numbers[3]), p99_ms=float(numbers[4]))


def reloads(bench, options):
    """A version comes, becomes the default, and the oldest goes, again and again while requests are answered."""
    with bench.server() as url:
        load, start = bench.load(url, 86400, 2), time.monotonic()
        for number in range(2, options.count + 2):
            run("models", "add-version", bench.store, "hugs", bench.folder / "run")
            run("models", "set-default", bench.store, "hugs", number)
            if number % 2:  # at once, or when the new one is served
                while not is_default(url, number):
                    time.sleep(0.01)
            run("models", "delete", bench.store, "hugs", number - 1)
        while not is_default(url, options.count + 1):
            time.sleep(0.01)
        load.send_signal(signal.SIGINT)
        told = result(load)
        print(f"{options.count} reloads in {time.monotonic() - start:.0f} s; {told['requests']} requests, {told['refused']} refused, {told['broken']} broken")
        return told["refused"] + told["broken"] == 0


def is_default(url, number):
    with urllib.request.urlopen(url + "/models") as answer:
        versions = json.load(answer)["models"][0]["versions"]
    return any(version["default"] and number in version.values() for version in versions)


def idle(bench, options):
    """Connections that say nothing, or half a request, beside those that ask."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 40000), hard))
    with bench.server() as url:
        alone = result(bench.load(url, 10))
        address = urllib.parse.urlparse(url)
        connections = []
        for i in range(options.count):
            connections.append(socket.create_connection((address.hostname, address.port)))
            if i % 2:
                connections[-1].send(b"POST /predict/hugs HTTP/1.1\r\nHost: x\r\nContent-Le")
        beside = result(bench.load(url, 10))
        for connection in connections:
            connection.close()
    print(f"alone:                          p50 {alone['p50_ms']:.1f} ms, p99 {alone['p99_ms']:.1f} ms, {alone['requests'] / 10:.0f} photos/s")
    print(f"beside {options.count} idle connections: p50 {beside['p50_ms']:.1f} ms, p99 {beside['p99_ms']:.1f} ms, {beside['requests'] / 10:.0f} photos/s, "
          f"{beside['refused'] + beside['broken']} failed; p99 {beside['p99_ms'] / alone['p99_ms']:.2f} times")
    return beside["p99_ms"] < 2 * alone["p99_ms"] and beside["refused"] + beside["broken"] == 0


def arrivals(bench, options):
    """Requests that come at their times, whatever became of those before: at 70 % of what the server can, spaced evenly and at random."""
    good = True
    with bench.server() as url:
        most = result(bench.load(url, 5, 4))["requests"] / 5
        for kind in ("even", "exponential"):
            told = arrive(url, 0.7 * most, options.seconds, kind)
            print(f"{kind:12} spacing, {0.7 * most:.0f} of {most:.0f} photos/s, {len(told)} requests: p50 {told[len(told) // 2]:.1f} ms, "
                  f"p99 {told[len(told) * 99 // 100]:.1f} ms, {told[len(told) * 99 // 100] / told[len(told) // 2]:.1f} times; first {told.first:.1f} ms")
            good = good and (kind != "even" or told[len(told) * 99 // 100] <= 2 * told[len(told) // 2])
    return good


class Told(list):
    first = 0.0


def arrive(url, rate, seconds, kind):
    source, plan, at = random.Random(1), [], 0.0
    while at < seconds:
        plan.append(at)
        at += 1 / rate if kind == "even" else source.expovariate(rate)
    bodies, address, lock, times = [photo.read_bytes() for photo in PHOTOS], urllib.parse.urlparse(url), threading.Lock(), {}
    start, left = time.monotonic() + 0.2, iter(enumerate(plan))

    def ask():
        connection = http.client.HTTPConnection(address.hostname, address.port)
        while True:
            with lock:
                number, due = next(left, (None, None))
            if number is None:
                return
            time.sleep(max(0, start + due - time.monotonic()))
            connection.request("POST", "/predict/hugs", bodies[number % len(bodies)])
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            times[number] = (time.monotonic() - start - due) * 1000

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = Told(sorted(times.values()))
    told.first = times[0]
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__, prog="bench/serving")
    commands = parser.add_subparsers(required=True)
    for do, default in ((reloads, 1000), (idle, 10000)):
        command = commands.add_parser(do.__name__, help=do.__doc__)
        command.add_argument("count", type=int, nargs="?", default=default)
        command.set_defaults(do=do)
    command = commands.add_parser("arrivals", help=arrivals.__doc__)
    command.add_argument("--seconds", type=float, default=20)
    command.set_defaults(do=arrivals)
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        return 0 if options.do(Bench(folder), options) else 1
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    raise SystemExit(main())
