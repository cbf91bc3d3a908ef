"""Photos of which nothing is the same turned or mirrored, with EXIF of our own making."""
import io
import struct
import zlib

import numpy as np
from PIL import Image


def scene(size=(90, 60), seed=1):
    """Nothing in it is the same turned or mirrored."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 255, (7, 9, 3), np.uint8)).resize(size, Image.BICUBIC)


def tiff(orientation, order="<", before=3):
    """A TIFF block with some entries before the orientation."""
    entries = [struct.pack(order + "HHII", 0x100 + i, 3, 1, 7) for i in range(before)]
    entries.append(struct.pack(order + "HHIHH", 0x112, 3, 1, orientation, 0))
    mark = b"II" if order == "<" else b"MM"
    return mark + struct.pack(order + "HIH", 42, 8, len(entries)) + b"".join(entries) + bytes(4)


def jpeg(image, block=None, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **options)
    data = out.getvalue()
    if block is None:
        return data
    parts = b"\xff\xfe\x00\x06hey!" + b"\xff" * 3  # a comment and fill bytes before it
    return data[:2] + parts + b"\xff\xe1" + struct.pack(">H", len(block) + 8) + b"Exif\0\0" + block + data[2:]


def png(image, block=None):
    out = io.BytesIO()
    image.save(out, "PNG")
    data = out.getvalue()
    if block is None:
        return data
    chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
    return data[:33] + chunk + data[33:]


def webp(image, block=None, prefix=b"", before=b""):
    out = io.BytesIO()
    image.save(out, "WEBP", lossless=True)
    if block is None:
        return out.getvalue()
    chunks = out.getvalue()[12:]
    flags = b"VP8X" + struct.pack("<IIHBHB", 10, 8, image.width - 1, 0, image.height - 1, 0)
    data = prefix + block
    chunks = b"WEBP" + flags + chunks + before + b"EXIF" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def odd_webp(image, block):
    """The same with JPEG's words before the block, behind a chunk of an odd size."""
    return webp(image, block, b"Exif\0\0", b"XYZW" + struct.pack("<I", 3) + b"abc\0")
