"""One photo: a pose in a place seen by a camera, as a POV-Ray scene, and the EXIF orientation a phone would write."""
from dataclasses import dataclass
import math
import random
import struct

from . import places, poses
from .vectors import UP, add, cross, dot, minus, pov, scaled, unit

SIZES = [(320, 240), (320, 240), (240, 320), (320, 213), (213, 320), (288, 288), (300, 200), (256, 192), (200, 267), (320, 180)]
# Shares of the height that are below the picture. Two who stand close are taken from near, whatever they do.
CUTS_OF_CLOSE_PAIRS = [0.0, 0.25, 0.4, 0.48, 0.5, 0.52]
CUTS_OF_WIDE_PAIRS = [0.0, 0.0, 0.0, 0.25]


@dataclass
class Photo:
    """A scene to render at width x height as stored; orientation is the EXIF value that turns it upright."""
    scene: str
    width: int
    height: int
    orientation: int


def photo(label, number):
    """The photo of a label and number: always the same one."""
    rng = random.Random(f'{label}/{number}')
    kinds = poses.HUGS if label == 'hugs' else poses.NOT_HUGS
    pose = kinds[number % len(kinds)]
    place = places.PLACES[number % len(places.PLACES)]
    turn = rng.uniform(0, 2 * math.pi)
    if pose in (poses.side_hug, poses.side_by_side, poses.apart, poses.waving):
        turn = math.pi + rng.uniform(-0.8, 0.8)
    elif abs(math.cos(turn)) > 0.7:
        turn += math.pi / 2  # one figure would hide the other
    figures = pose(rng, turn)
    width, height = rng.choice(SIZES)
    orientation = rng.choice([6, 8, 3]) if rng.random() < 0.15 else 1
    view = camera(rng, figures, width / height, orientation)
    scene = '\n'.join(['#version 3.7;', 'global_settings { assumed_gamma 1.0 ambient_light 1 max_trace_level 4 }',
                       '#default { finish { ambient 0.06 diffuse 0.75 } }', view, place(rng)] + [figure.scene() for figure in figures])
    if orientation in (6, 8):
        width, height = height, width
    return Photo(scene, width, height, orientation)


def camera(rng, figures, aspect, orientation):
    """A camera that has both figures in view, whole or cut at knees or waist."""
    points = [point for figure in figures for point in figure.points()]
    top = max(point[1] for point in points)
    is_close = max(abs(point[0]) for point in points) < 0.45
    cut = rng.choice(CUTS_OF_CLOSE_PAIRS if is_close else CUTS_OF_WIDE_PAIRS) * top
    angle = math.radians(rng.uniform(24, 58))
    eye_height = rng.uniform(0.8, 1.8) if rng.random() < 0.85 else rng.uniform(1.9, 2.6)
    swing = rng.uniform(-0.25, 0.25)
    middle = (0.0, (cut + top) / 2, 0.0)
    half_high = max((top - cut) / 2 * rng.uniform(1.05, 1.22), 0.35)
    half_wide = max(abs(point[0]) for point in points) * 1.12 + 0.1
    tangent = math.tan(angle / 2) * min(1.0, 1 / aspect)
    far = max(half_high / tangent, half_wide / (tangent * aspect)) + 0.3
    eye = (far * math.sin(swing), eye_height, -far * math.cos(swing))
    aim = add(middle, (rng.uniform(-0.12, 0.12) * half_wide, rng.uniform(-0.03, 0.05), 0))
    forward = unit(minus(aim, eye))
    roll = rng.gauss(0, 0.025)
    right = unit(cross(UP, forward))
    up = cross(forward, right)
    right, up = add(scaled(right, math.cos(roll)), scaled(up, math.sin(roll))), add(scaled(up, math.cos(roll)), scaled(right, -math.sin(roll)))
    wide, high = tangent * aspect, tangent
    stored_right, stored_up = {1: (scaled(right, wide), scaled(up, high)), 3: (scaled(right, -wide), scaled(up, -high)),
                               6: (scaled(up, -high), scaled(right, wide)), 8: (scaled(up, high), scaled(right, -wide))}[orientation]
    return (f'camera {{ perspective location {pov(eye)} direction {pov(forward)} right {pov(scaled(stored_right, 2))} up {pov(scaled(stored_up, 2))} }}')


def without_comments(jpeg):
    """The same JPEG less its comment segments, in which POV-Ray writes the hour: so the same scene gives the same bytes."""
    out, at = jpeg[:2], 2
    while jpeg[at + 1] != 0xda:
        size = 2 + struct.unpack('>H', jpeg[at + 2:at + 4])[0]
        if jpeg[at + 1] != 0xfe:
            out += jpeg[at:at + size]
        at += size
    return out + jpeg[at:]


def with_orientation(jpeg, orientation):
    """The same JPEG with an EXIF segment that names the orientation."""
    if orientation == 1:
        return jpeg
    tiff = b'MM\0*' + struct.pack('>IH', 8, 1) + struct.pack('>HHIHH', 0x0112, 3, 1, orientation, 0) + struct.pack('>I', 0)
    body = b'Exif\0\0' + tiff
    return jpeg[:2] + b'\xff\xe1' + struct.pack('>H', len(body) + 2) + body + jpeg[2:]
