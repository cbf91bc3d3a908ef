"""What end-to-end tests are made of: small photos, and TFRecord files read and written by plain Python (the formats' own rules,
nothing of topwork's)."""
import csv
import gzip
import random
import struct

import pathlib

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

COLOURS = {"red": (200, 60, 60), "blue": (60, 60, 200), "green": (60, 190, 60)}


def photo(path, colour, seed, size=(72, 56)):
    """A noisy photo round a colour; the same arguments give the same bytes."""
    source = random.Random(seed)
    image = Image.new("RGB", (9, 7))
    image.putdata([tuple(max(0, min(255, v + source.randint(-50, 50))) for v in colour) for _ in range(63)])
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize(size, Image.BILINEAR).save(path)
    return path


def photos(folder, per_class=8, classes=("blue", "red"), seed=0):
    """folder/CLASS/NN.jpg"""
    for label in classes:
        for number in range(per_class):
            photo(folder / label / f"{number:02}.jpg", COLOURS[label], f"{seed}/{label}/{number}")
    return folder


def _table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


TABLE = _table()


def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def frame(record):
    head = struct.pack("<Q", len(record))
    return head + struct.pack("<I", masked_crc(head)) + record + struct.pack("<I", masked_crc(record))


def varint(value):
    value &= 2**64 - 1
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def example(uri, embedding, labels=(), packed=True):
    """A tf.Example as the ancestor pipeline writes it; lists unpacked where `packed` is False."""
    values = struct.pack(f"<{len(embedding)}f", *embedding)
    if packed:
        floats, ints = field(1, values), field(1, b"".join(map(varint, labels)))
    else:
        floats = b"".join(b"\x0d" + values[i : i + 4] for i in range(0, len(values), 4))
        ints = b"".join(b"\x08" + varint(label) for label in labels)
    features = {"embedding": field(2, floats), "image_uri": field(1, field(1, uri.encode()))}
    if labels:
        features["label"] = field(3, ints)
    return field(1, b"".join(field(1, field(1, key.encode()) + field(2, value)) for key, value in features.items()))


def write_records(path, records, compress=None):
    data = b"".join(map(frame, records))
    path.write_bytes(gzip.compress(data, 1) if compress or (compress is None and path.suffix == ".gz") else data)
    return path


def clusters(count=60, width=16, classes=3, seed=0, prefix="photo"):
    """Rows (uri, embedding, [label]) of classes that lie apart."""
    source = random.Random(seed)
    centres = [[random.Random(f"centre {c}").gauss(0, 1) for _ in range(width)] for c in range(classes)]
    return [
        (f"{prefix}-{i:04}.jpg", [v + source.gauss(0, 0.4) for v in centres[i % classes]], [i % classes])
        for i in range(count)
    ]


def records_of(path):
    """The records of a file, its checksums checked."""
    data = path.read_bytes()
    data = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    at = 0
    while at < len(data):
        length, crc = struct.unpack_from("<QI", data, at)
        record = data[at + 12 : at + 12 + length]
        assert crc == masked_crc(data[at : at + 8])
        assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked_crc(record)
        yield record
        at += 16 + length


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def results(folder):
    """Every file of a results folder but those that say how far a run is, or when it was: name -> bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.parent.name != "checkpoints" and path.name not in ("log.jsonl", "report.html") and "events" not in path.parts
    }


def one_sentence(done):
    """Standard error is exactly one line, topwork's, and standard output is empty."""
    lines = done.stderr.splitlines()
    assert len(lines) == 1 and lines[0].startswith("topwork: "), done.stderr
    assert not done.stdout
    return lines[0]


def same_numbers(a, b, tolerance):
    """The same JSON, numbers within the tolerance."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same_numbers(a[key], b[key], tolerance) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(same_numbers(x, y, tolerance) for x, y in zip(a, b))
    if isinstance(a, float) or isinstance(b, float):
        return abs(a - b) <= tolerance
    return a == b
