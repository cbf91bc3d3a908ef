"""Decoded and resized pixels beside TensorFlow's and Pillow's own."""
import io
import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
from PIL import Image, ImageOps

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402  (the level must be set before)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PIXELS = pathlib.Path(os.environ.get("TOPWORK", ROOT / "build" / "topwork")).parent / "tests" / "tools" / "pixels"


def policy(width=299, height=299, resize="tf1_bilinear", fit="squash", dct="ifast", exif="ignore", alpha="blend", background=(255, 255, 255)):
    """An image policy whose tensor is the resized pixels themselves, HWC."""
    return json.dumps({
        "decode": {"jpeg_dct": dct, "exif": exif, "alpha": alpha, "background": list(background)},
        "resize": resize, "fit": fit, "width": width, "height": height,
        "mean": [0, 0, 0], "scale": [1, 1, 1], "layout": "nhwc", "channels": "rgb"})


def run(mode, text, paths):
    """One array for each photo, or the sentence that says why there is none."""
    out = subprocess.run([PIXELS, mode, text, *map(str, paths)], capture_output=True, check=True).stdout
    results, at = [], 0
    for _ in paths:
        end = out.index(b"\n", at)
        line, at = out[at:end].decode(), end + 1
        words = line.split()
        if not words[0].isdigit():
            results.append(line)
            continue
        width, height, size = map(int, words)
        values = np.frombuffer(out, np.uint8 if mode == "decode" else np.float32, offset=at, count=size // (1 if mode == "decode" else 4))
        results.append(values.reshape(height, width, 3))
        at += size
    assert at == len(out)
    return results


def decoded(path, **options):
    return run("decode", policy(**options), [path])[0]


def tf_decode(path):
    return tf.io.decode_jpeg(path.read_bytes(), channels=3).numpy()


def tf_resize(image, width, height, half_pixel_centers):
    batch = tf.constant(image[None], tf.float32)
    if half_pixel_centers:
        return tf.image.resize(batch, (height, width), method="bilinear", antialias=False).numpy()[0]
    return tf.compat.v1.image.resize_bilinear(batch, (height, width), align_corners=False, half_pixel_centers=False).numpy()[0]


def as_mode(image, mode):
    """Converted; CMYK with a black channel that varies, which Pillow's own conversion leaves empty."""
    if mode != "CMYK":
        return image.convert(mode)
    return Image.merge("CMYK", (*image.split(), Image.linear_gradient("L").resize(image.size)))


def photos_of(flowers, count):
    found = sorted((flowers / "photos").glob("*/*.jpg"))
    return found[::max(1, len(found) // count)][:count]


@pytest.fixture(scope="module")
def pattern():
    """A picture with edges, slopes and fine detail, of odd size."""
    y, x = np.mgrid[0:173, 0:251]
    noise = np.random.default_rng(7).integers(0, 64, (173, 251, 3))
    rgb = np.stack([x, y, (x * y // 37) % 256], -1) % 192 + noise
    rgb[40:90, 60:140] = (250, 10, 30)
    return Image.fromarray(rgb.astype(np.uint8))


def test_200_flower_photos_decode_to_tensorflows_pixels(flowers):
    paths = photos_of(flowers, 200)
    assert len(paths) == 200
    for path, ours in zip(paths, run("decode", policy(), paths)):
        assert np.array_equal(ours, tf_decode(path)), path.name


@pytest.mark.parametrize("resize", ["tf1_bilinear", "tf2_bilinear"])
def test_200_flower_photos_resize_to_tensorflows_bits(flowers, resize):
    paths = photos_of(flowers, 200)
    for path, ours in zip(paths, run("tensor", policy(resize=resize), paths)):
        theirs = tf_resize(tf_decode(path), 299, 299, resize == "tf2_bilinear")
        assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32)), path.name


@pytest.mark.parametrize("size", [(1, 1), (7, 3), (160, 160), (251, 173), (252, 173), (251, 90), (600, 431)])
@pytest.mark.parametrize("resize", ["tf1_bilinear", "tf2_bilinear"])
def test_every_direction_of_resizing_equals_tensorflow(pattern, tmp_path, resize, size):
    path = tmp_path / "p.png"
    pattern.save(path)
    ours = run("tensor", policy(*size, resize=resize), [path])[0]
    theirs = tf_resize(np.asarray(pattern), *size, resize == "tf2_bilinear")
    assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32))


def test_the_whole_input_equals_the_2015_graphs_preparation(flowers):
    """Cast, legacy bilinear to 299, minus 128, times 0.0078125: the default policy but for its layout."""
    paths = photos_of(flowers, 10)
    text = json.loads(policy())
    text.update(mean=[128] * 3, scale=[0.0078125] * 3)
    for path, ours in zip(paths, run("tensor", json.dumps(text), paths)):
        theirs = (tf_resize(tf_decode(path), 299, 299, False) - np.float32(128)) * np.float32(0.0078125)
        assert np.array_equal(ours.view(np.uint32), theirs.view(np.uint32)), path.name


JPEGS = {
    "gray": ("L", {}),
    "4:4:4": ("RGB", {"subsampling": 0}),
    "4:2:2": ("RGB", {"subsampling": 1}),
    "4:2:0": ("RGB", {"subsampling": 2}),
    "progressive": ("RGB", {"progressive": True}),
    "progressive-gray": ("L", {"progressive": True}),
    "restart-markers": ("RGB", {"restart_marker_blocks": 3}),
    "restart-rows": ("RGB", {"restart_marker_rows": 1}),
    "optimised": ("RGB", {"optimize": True}),
    "coarse": ("RGB", {"quality": 5}),
    "fine": ("RGB", {"quality": 100, "subsampling": 0}),
    "cmyk": ("CMYK", {}),
    "cmyk-progressive": ("CMYK", {"progressive": True}),
}


@pytest.mark.parametrize("kind", JPEGS)
def test_odd_jpegs_decode_to_tensorflows_pixels(pattern, tmp_path, kind):
    mode, options = JPEGS[kind]
    path = tmp_path / "p.jpg"
    as_mode(pattern, mode).save(path, "JPEG", **options)
    assert np.array_equal(decoded(path), tf_decode(path))


def without_adobe(data):
    """Takes APP14 away, so that a CMYK file claims nothing about inversion."""
    at = data.index(b"\xff\xee")
    return data[:at] + data[at + 2 + int.from_bytes(data[at + 2:at + 4], "big"):]


def as_ycck(data):
    """Sets the Adobe marker's transform to 2: the same coefficients read as YCCK."""
    at = data.index(b"Adobe") + 11
    return data[:at] + b"\x02" + data[at + 1:]


@pytest.mark.parametrize("change", [without_adobe, as_ycck])
def test_cmyk_without_adobe_marker_and_ycck_decode_to_tensorflows_pixels(pattern, tmp_path, change):
    path = tmp_path / "p.jpg"
    as_mode(pattern, "CMYK").save(path, "JPEG")
    path.write_bytes(change(path.read_bytes()))
    assert np.array_equal(decoded(path), tf_decode(path))
    assert decoded(path).std() > 20


@pytest.mark.parametrize("cut", [2, 3, 10, 100, 5000])
@pytest.mark.parametrize("is_progressive", [False, True])
def test_cut_jpegs_are_refused_where_tensorflow_refuses_them(pattern, tmp_path, cut, is_progressive):
    path = tmp_path / "p.jpg"
    pattern.save(path, "JPEG", progressive=is_progressive)
    path.write_bytes(path.read_bytes()[:-cut])
    ours = decoded(path)
    try:
        theirs = tf_decode(path)
    except tf.errors.InvalidArgumentError:
        assert isinstance(ours, str) and ours.startswith("corrupt: the JPEG ends too early")
    else:
        assert np.array_equal(ours, theirs)


def test_islow_decoding_equals_pillows(pattern, tmp_path):
    path = tmp_path / "p.jpg"
    pattern.save(path, "JPEG")
    assert np.array_equal(decoded(path, dct="islow"), np.asarray(Image.open(path)))


def png_16(array):
    """A 16-bit PNG; Pillow writes none in colour."""
    import struct
    import zlib
    height, width, channels = array.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_16_bit_pngs_decode_to_tensorflows_8_bits(tmp_path, channels):
    path = tmp_path / "p.png"
    array = np.random.default_rng(1).integers(0, 65536, (20, 31, channels), np.uint16)
    path.write_bytes(png_16(array))
    assert np.array_equal(decoded(path, alpha="drop"), tf.io.decode_png(path.read_bytes(), channels=3).numpy())


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_pngs_of_every_mode_decode_to_tensorflows_pixels(pattern, tmp_path, mode):
    path = tmp_path / "p.png"
    image = pattern.convert(mode)
    if mode in ("LA", "RGBA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path)
    assert np.array_equal(decoded(path, alpha="drop"), tf.io.decode_png(path.read_bytes(), channels=3).numpy())


@pytest.mark.parametrize("lossless", [False, True])
def test_webp_decodes_to_pillows_pixels(pattern, tmp_path, lossless):
    path = tmp_path / "p.webp"
    pattern.save(path, lossless=lossless)
    assert np.array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_alpha_over_a_background_is_pillows_within_a_level(pattern, tmp_path, kind):
    path = tmp_path / f"p.{kind}"
    image = pattern.convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    image.save(path, lossless=True)
    under = Image.new("RGBA", image.size, (10, 200, 90, 255))
    theirs = np.asarray(Image.alpha_composite(under, Image.open(path).convert("RGBA")).convert("RGB")).astype(int)
    assert np.abs(decoded(path, background=(10, 200, 90)).astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("interlace", [0, 1])
def test_gif_decodes_to_pillows_pixels(pattern, tmp_path, interlace):
    path = tmp_path / "p.gif"
    pattern.save(path, interlace=interlace)
    assert np.array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


def test_only_the_first_frame_of_a_gif_counts(pattern, tmp_path):
    path = tmp_path / "p.gif"
    pattern.save(path, save_all=True, append_images=[ImageOps.invert(pattern)], duration=50)
    assert np.array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bmps_decode_to_pillows_pixels(pattern, tmp_path, mode):
    path = tmp_path / "p.bmp"
    pattern.convert(mode).save(path)
    assert np.array_equal(decoded(path), np.asarray(Image.open(path).convert("RGB")))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "webp"])
def test_exif_orientation_is_applied_as_pillow_does(pattern, tmp_path, orientation, kind):
    path = tmp_path / f"p.{kind}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    pattern.save(path, exif=exif.tobytes(), **({"lossless": True} if kind == "webp" else {}))
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB"))
    assert np.array_equal(decoded(path, exif="apply", dct="islow"), upright)
    assert decoded(path, exif="ignore").shape == (173, 251, 3)


SIZES = [(299, 299), (160, 160), (64, 200), (200, 17), (251, 100), (100, 173), (251, 173), (400, 300), (1, 1), (251, 500), (40, 400)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_antialiased_resizing_equals_pillows(pattern, tmp_path, method, size):
    path = tmp_path / "p.png"
    pattern.save(path)
    ours = run("tensor", policy(*size, resize=f"pillow_{method}"), [path])[0]
    theirs = np.asarray(pattern.resize(size, Image.Resampling[method.upper()])).astype(np.float32)
    assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("method", ["bilinear", "bicubic"])
def test_antialiased_resizing_of_60_flower_photos_equals_pillows(flowers, method):
    paths = photos_of(flowers, 60)
    for path, ours in zip(paths, run("tensor", policy(224, 224, resize=f"pillow_{method}", dct="islow"), paths)):
        theirs = np.asarray(Image.open(path).convert("RGB").resize((224, 224), Image.Resampling[method.upper()])).astype(np.float32)
        assert np.array_equal(ours, theirs), path.name


@pytest.mark.parametrize("size", [(160, 160), (160, 90), (90, 160)])
def test_letterbox_equals_pillows_pad(pattern, tmp_path, size):
    path = tmp_path / "p.png"
    pattern.save(path)
    ours = run("tensor", policy(*size, resize="pillow_bilinear", fit="letterbox", background=(9, 8, 7)), [path])[0]
    theirs = np.asarray(ImageOps.pad(pattern, size, Image.Resampling.BILINEAR, color=(9, 8, 7)))
    assert np.array_equal(ours, theirs.astype(np.float32))


@pytest.mark.parametrize("size", [(160, 160), (160, 90), (90, 160)])
def test_centre_crop_is_the_middle_part_resized(pattern, tmp_path, size):
    path = tmp_path / "p.png"
    pattern.save(path)
    ours = run("tensor", policy(*size, resize="pillow_bicubic", fit="centre_crop"), [path])[0]
    width, height = pattern.size
    scale = min(width / size[0], height / size[1])
    w, h = round(size[0] * scale), round(size[1] * scale)
    left, top = (width - w) // 2, (height - h) // 2
    theirs = pattern.crop((left, top, left + w, top + h)).resize(size, Image.Resampling.BICUBIC)
    assert np.array_equal(ours, np.asarray(theirs).astype(np.float32))


def test_sizes_round_a_jpegs_blocks_decode_to_tensorflows_pixels(tmp_path):
    generator = np.random.default_rng(3)
    paths = []
    for width in (1, 2, 7, 8, 9, 15, 16, 17, 33):
        for height in (1, 8, 15, 17):
            path = tmp_path / f"{width}x{height}.jpg"
            buffer = io.BytesIO()
            Image.fromarray(generator.integers(0, 256, (height, width, 3), np.uint8)).save(buffer, "JPEG", subsampling=2)
            path.write_bytes(buffer.getvalue())
            paths.append(path)
    for path, ours in zip(paths, run("decode", policy(), paths)):
        assert np.array_equal(ours, tf_decode(path)), path.name
