"""Network files that are meant to do harm, or that are only broken: one sentence, exit 4, bounded memory and time.

Models are written field by field (onnx.proto3), so that every lie can be told.
"""
import json
import random
import resource
import struct
import time

import pytest


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    return bytes(out + bytes([n]))


def number(field, n):
    return varint(field << 3) + varint(n)


def message(field, *parts):
    body = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    return varint(field << 3 | 2) + varint(len(body)) + body


def tensor(name, dims, raw, kind=1, *more):
    return message(5, *[number(1, d) for d in dims], number(2, kind), message(8, name), *([message(9, raw)] if raw is not None else []), *more)


def floats(name, *dims):
    count = 1
    for d in dims:
        count *= d
    return tensor(name, dims, struct.pack(f"<{count}f", *[(i % 7 - 3) / 8 for i in range(count)]))


def attribute(name, *, i=None, ints=None, s=None):
    if i is not None:
        return message(5, message(1, name), number(3, i), number(20, 2))
    if s is not None:
        return message(5, message(1, name), message(4, s), number(20, 3))
    return message(5, message(1, name), *[number(8, n) for n in ints], number(20, 7))


def node(op, inputs, output, *attributes):
    return message(1, *[message(1, i) for i in inputs], message(2, output), message(3, f"the_{output}"), message(4, op), *attributes)


def value(field, name, *dims):
    shape = message(2, *[message(1, number(1, d) if isinstance(d, int) else message(2, d)) for d in dims])
    return message(field, message(1, name), message(2, message(1, number(1, 1), shape)))


def model(*graph, opset=13):
    return number(1, 8) + message(7, message(2, "net"), *graph) + message(8, number(2, opset))


INPUT, OUTPUT = value(11, "image", "N", 3, 16, 16), value(12, "embedding", "N", 4)
CONV = node("Conv", ["image", "w"], "c", attribute("kernel_shape", ints=[3, 3]), attribute("pads", ints=[1, 1, 1, 1]))
POOL = node("GlobalAveragePool", ["c"], "p")
FLAT = node("Flatten", ["p"], "embedding")
WEIGHTS = floats("w", 4, 3, 3, 3)


def good(**changes):
    parts = {"conv": CONV, "pool": POOL, "flat": FLAT, "weights": WEIGHTS, "input": INPUT, "output": OUTPUT, "more": b"", **changes}
    return model(*parts.values())


def run(program, path, code=4, **options):
    start = time.monotonic()
    done = program("backbone", "info", path, "--profile", code=code, timeout=60, **options)
    assert time.monotonic() - start < 30
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr
    return done


def refused(program, path, data, *words, **options):
    """Exit 4 and one line that names the file and says `words`."""
    path.write_bytes(data)
    done = run(program, path, **options)
    said = [line for line in done.stderr.splitlines() if "guess" not in line]
    assert len(said) == 1, done.stderr
    for word in (path.stem, *words):
        assert word in said[0], said[0]
    assert done.stdout == ""
    return said[0]


def test_the_good_model_of_these_tests_is_taken(sanitized, tmp_path):
    (tmp_path / "net.onnx").write_bytes(good())
    run(sanitized, tmp_path / "net.onnx", code=0)


def test_model_cut_at_any_length_is_refused(sanitized, tmp_path):
    data = good()
    # The model's last field is its opset: without it, and at a field's end, what is left may still be sound.
    for length in sorted({0, 1, 2, 3, 5, 8, 13, *range(21, len(data) - 1, 29)}):
        refused(sanitized, tmp_path / "cut.onnx", data[:length])


def test_flipped_bit_anywhere_crashes_nothing(sanitized, tmp_path):
    data, chance = good(), random.Random(4)
    inside = data.index(struct.pack("<f", -3 / 8))  # weights: any bit is good there
    places = [i for i in range(len(data)) if not inside <= i < inside + 400]
    for place in chance.sample(places, 90):
        broken = bytearray(data)
        broken[place] ^= 1 << chance.randrange(8)
        (tmp_path / "flipped.onnx").write_bytes(broken)
        done = run(sanitized, tmp_path / "flipped.onnx", code=None)
        assert done.returncode in (0, 4), (place, done.stderr)


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n" + bytes(100), b"This is no network.\n" * 50, bytes(4096), b"\xff" * 4096],
                         ids=["empty", "png", "text", "zeros", "ones"])
def test_file_that_is_no_network_is_refused(sanitized, tmp_path, data):
    refused(sanitized, tmp_path / "net.onnx", data)


def test_unknown_op_is_named_with_its_node(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(pool=node("Wobble", ["c"], "p")), "the_p", "Wobble", "known")


def test_names_do_not_speak_to_the_terminal(sanitized, tmp_path):
    said = refused(sanitized, tmp_path / "net.onnx", good(pool=node("Wob\x1b[2J\nble", ["c"], "p")), "Wob?[2J?ble")
    assert "\x1b" not in said


def test_unknown_attribute_is_named_with_its_node(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(pool=node("GlobalAveragePool", ["c"], "p", attribute("wobble", i=1))), "the_p", "wobble")


def test_unknown_value_of_an_attribute_is_named(sanitized, tmp_path):
    conv = node("Conv", ["image", "w"], "c", attribute("auto_pad", s="SAME_SIDEWAYS"))
    refused(sanitized, tmp_path / "net.onnx", good(conv=conv), "the_c", "auto_pad", "SAME_SIDEWAYS")


@pytest.mark.parametrize("opset", [0, 6, 23, 1 << 40])
def test_opset_out_of_range_is_named(sanitized, tmp_path, opset):
    refused(sanitized, tmp_path / "net.onnx", model(CONV, POOL, FLAT, WEIGHTS, INPUT, OUTPUT, opset=opset), str(opset), "7", "22")


def test_cycle_is_named(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(conv=node("Add", ["image", "p"], "c")), "the_")


def test_missing_weights_are_named(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(weights=b""), "'w'")


def test_output_that_nobody_makes_is_named(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(output=value(12, "nothing", "N", 4), flat=b""), "nothing")


def test_network_without_input_is_refused(sanitized, tmp_path):
    refused(sanitized, tmp_path / "net.onnx", good(input=b""), "image")


LIES = {
    "product over int64": tensor("w", [1 << 40, 1 << 40, 3, 3], b"abcd"),
    "two to the 31": tensor("w", [1 << 31, 3, 3, 3], b"abcd"),
    "two to the 62": tensor("w", [1 << 62], b"abcd"),
    "negative": tensor("w", [-4, 3, 3, 3], bytes(432)),
    "zero": tensor("w", [0, 3, 3, 3], b""),
    "more than its bytes": tensor("w", [4, 3, 3, 300], bytes(432)),
    "fewer than its bytes": tensor("w", [4, 3, 3, 3], bytes(436)),
    "nine dimensions": tensor("w", [1] * 9, bytes(4)),
    "no data": tensor("w", [4, 3, 3, 3], None),
    "text": tensor("w", [4, 3, 3, 3], bytes(432), 8),
    "type 99": tensor("w", [4, 3, 3, 3], bytes(432), 99),
}


@pytest.mark.parametrize("lie", LIES)
def test_weights_that_lie_about_their_size_are_refused(sanitized, tmp_path, lie):
    refused(sanitized, tmp_path / "net.onnx", good(weights=LIES[lie]), "w")


@pytest.mark.parametrize("where", ["/etc/passwd", "../../../../etc/passwd", "beside.bin", "http://localhost/w"])
def test_weights_outside_the_file_are_refused(sanitized, tmp_path, where):
    (tmp_path / "beside.bin").write_bytes(bytes(432))
    entry = message(13, message(1, "location"), message(2, where))
    said = refused(sanitized, tmp_path / "net.onnx", good(weights=tensor("w", [4, 3, 3, 3], None, 1, entry, number(14, 1))), "'w'")
    assert "root:" not in said


def huge(*nodes):
    return model(*nodes, INPUT, value(12, "embedding", "N", 4))


# What these would take, were they believed: from 8 GiB to more than there is.
BOMBS = {
    "ConstantOfShape": huge(tensor("s", [2], struct.pack("<2q", 1 << 20, 1 << 20), 7), node("ConstantOfShape", ["s"], "k"),
                            node("ReduceSum", ["k"], "r"), node("Add", ["image", "r"], "embedding")),
    "Expand": huge(tensor("s", [4], struct.pack("<4q", 1, 3, 1 << 17, 1 << 17), 7), floats("one", 1), node("Expand", ["one", "s"], "embedding")),
    "Tile": huge(tensor("s", [4], struct.pack("<4q", 1, 1 << 20, 1 << 20, 1 << 20), 7), node("Tile", ["image", "s"], "embedding")),
    "Pad": huge(tensor("s", [8], struct.pack("<8q", 0, 0, 1 << 30, 1 << 30, 0, 0, 1 << 30, 1 << 30), 7), node("Pad", ["image", "s"], "embedding")),
    "Resize": huge(tensor("s", [4], struct.pack("<4f", 1, 1, 1e6, 1e6)), node("Resize", ["image", "", "s"], "embedding")),
    "Range": huge(tensor("a", [], struct.pack("<q", 0), 7), tensor("b", [], struct.pack("<q", 1 << 62), 7), tensor("d", [], struct.pack("<q", 1), 7),
                  node("Range", ["a", "b", "d"], "k"), node("Cast", ["k"], "f", attribute("to", i=1)), node("ReduceSum", ["f"], "r"),
                  node("Add", ["image", "r"], "embedding")),
    "padded convolution": good(conv=node("Conv", ["image", "w"], "c", attribute("pads", ints=[1 << 30] * 4))),
    "doubling": huge(node("Concat", ["image", "image"], "x0", attribute("axis", i=1)),
                     *[node("Concat", [f"x{i}", f"x{i}"], f"x{i + 1}", attribute("axis", i=1)) for i in range(40)],
                     node("Flatten", ["x40"], "embedding")),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_network_that_grows_without_bound_is_refused_before_memory_is_taken(topwork, tmp_path, bomb):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    refused(topwork, tmp_path / "net.onnx", BOMBS[bomb], preexec_fn=limit)


@pytest.mark.parametrize("field", [5, 6])
def test_deep_nesting_is_refused_or_passed_over(sanitized, tmp_path, field):
    inner = b""
    for _ in range(10000):
        inner = message(1, message(5, message(field, inner)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(model(inner, CONV, POOL, FLAT, WEIGHTS, INPUT, OUTPUT))
    run(sanitized, path)


def test_graph_of_tensorflow_cut_or_flipped_is_refused_or_taken(sanitized, tmp_path):
    def text(name, op, *inputs):
        return message(1, message(1, name), message(2, op), *[message(3, i) for i in inputs])
    shape = message(7, *[message(2, number(1, d)) for d in (1, 8, 8, 3)])
    start = message(1, message(1, "image"), message(2, "Placeholder"), message(5, message(1, "shape"), message(2, shape)))
    data = start + text("relu", "Relu", "image") + text("out", "Identity", "relu")
    chance = random.Random(5)
    for length in range(0, len(data), 5):
        (tmp_path / "net.pb").write_bytes(data[:length])
        assert run(sanitized, tmp_path / "net.pb", code=None).returncode in (0, 4)
    for _ in range(60):
        broken = bytearray(data)
        broken[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (tmp_path / "net.pb").write_bytes(broken)
        assert run(sanitized, tmp_path / "net.pb", code=None).returncode in (0, 4)
    refused(sanitized, tmp_path / "net.pb", start + text("odd", "Wobble", "image"), "odd", "Wobble", "known")
    refused(sanitized, tmp_path / "net.pb", start + text("a", "Relu", "b") + text("b", "Relu", "a") + text("c", "Relu", "b"), "loop")
    refused(sanitized, tmp_path / "net.pb", start + text("a", "Relu", "nowhere"), "nowhere")


def test_a_model_with_more_outputs_than_anybody_asks_for_gives_its_scores(sanitized, hugs, tmp_path):
    policy = json.loads(sanitized("backbone", "info", "sprout", "--json").stdout)["policy"]
    policy.update(width=8, height=8)
    properties = {"version": "1", "labels": '["a","b"]', "embedding_size": "3", "policy": json.dumps(policy)}
    more = [f"more_{i}" for i in range(40)]
    graph = [
        node("GlobalAveragePool", ["image"], "pooled"),
        node("Flatten", ["pooled"], "embedding"),
        node("MatMul", ["embedding", "w"], "logits"),
        node("Softmax", ["logits"], "scores"),
        *[node("Relu", ["image"], name) for name in more],
        floats("w", 3, 2),
        value(11, "image", "N", 3, 8, 8),
        *[value(12, name, "N", 3, 8, 8) for name in more],
        value(12, "embedding", "N", 3),
        value(12, "logits", "N", 2),
        value(12, "scores", "N", 2),
    ]
    properties = b"".join(message(14, message(1, f"topwork.{key}"), message(2, text)) for key, text in properties.items())
    path = tmp_path / "many.onnx"
    path.write_bytes(model(*graph) + properties)
    photo = sorted((hugs / "hugs").glob("*.jpg"))[0]
    answer = json.loads(sanitized("predict", path, photo, "--json").stdout)
    assert sum(answer["scores"].values()) == pytest.approx(1)
    assert sanitized("embed", hugs / "hugs", "--backbone", path, "--layer", "embedding", "-o", tmp_path / "out").returncode == 0
