"""Other machines than this one: fewer instructions, fewer cores."""
import json
import math
import os
import platform
import subprocess

import made
import pytest

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="instructions are limited on x86-64 only")


def embeddings(topwork, photos, folder, *options):
    topwork("embed", photos, "-o", folder, "--no-cache", "-q", *options)
    lines = topwork("records", "cat", folder, "--values", 0, "--json").stdout.splitlines()
    return {record["image_uri"][0]: record["embedding"] for record in map(json.loads, lines)}


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@x86
@pytest.mark.parametrize("isa", ["sse41", "avx2", "avx512", "avx512_vnni"])
def test_fewer_instructions_give_the_same_embeddings(topwork, tmp_path, isa):
    photos = made.photos(tmp_path / "photos", 4)
    usual = embeddings(topwork, photos, tmp_path / "usual")
    limited = embeddings(topwork, photos, tmp_path / "limited", "--max-isa", isa)
    assert limited.keys() == usual.keys() and len(usual) == 8
    assert all(cosine(limited[uri], usual[uri]) > 0.999999 for uri in usual)
    engines = [json.loads((tmp_path / name / "manifest.json").read_text())["engine"] for name in ("usual", "limited")]
    assert engines[0] != engines[1] or limited == usual


@x86
def test_a_limit_reaches_own_kernels_and_the_librarys(topwork):
    profile = topwork("backbone", "info", "sprout", "--profile", "--max-isa", "sse41", "--threads", "1").stdout
    machine = next(line for line in profile.splitlines() if line.startswith("machine"))
    assert "avx" not in machine and "sse41" in profile and "avx" not in profile.split("STEP", 1)[1].split("machine")[0]


@x86
def test_bf16_beyond_the_limit_is_said_and_f32_used(topwork, tmp_path):
    photos = made.photos(tmp_path / "photos", 1)
    done = topwork("embed", photos, "-o", tmp_path / "out", "--precision", "bf16", "--max-isa", "avx2", "--no-cache")
    assert "no bf16" in done.stderr and json.loads((tmp_path / "out" / "manifest.json").read_text())["precision"] == "f32"


def test_threads_keep_to_the_affinity_mask(topwork):
    core = min(os.sched_getaffinity(0))
    command = [topwork.binary, "backbone", "info", "sprout", "--profile"]
    done = subprocess.run(command, env=topwork.environment, capture_output=True, text=True, check=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    assert "threads 1\n" in done.stdout
