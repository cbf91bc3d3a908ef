"""Three-component vectors as tuples, in POV-Ray's frame: x to the right, y up, z away from the viewer. Lengths in metres."""
import math

UP = (0.0, 1.0, 0.0)


def add(*vectors):
    return tuple(sum(parts) for parts in zip(*vectors))


def scaled(v, factor):
    return tuple(part * factor for part in v)


def minus(a, b):
    return tuple(x - y for x, y in zip(a, b))


def dot(a, b):
    return sum(x * y for x, y in zip(a, b))


def length(v):
    return math.sqrt(dot(v, v))


def unit(v):
    size = length(v)
    return scaled(v, 1 / size) if size > 1e-9 else UP


def cross(a, b):
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def between(a, b, share):
    return add(scaled(a, 1 - share), scaled(b, share))


def joint(start, end, first, second, pole):
    """Where the elbow or knee of a limb of two bones lies, bent towards pole; and the end, drawn in where it is out of reach."""
    way = minus(end, start)
    reach = min(length(way), (first + second) * 0.999)
    along = unit(way)
    share = (first * first - second * second + reach * reach) / (2 * reach)
    side = unit(minus(pole, scaled(along, dot(pole, along))))
    height = math.sqrt(max(first * first - share * share, 0))
    return add(start, scaled(along, share), scaled(side, height)), add(start, scaled(along, reach))


def pov(v):
    return '<' + ','.join(f'{part:.4f}' for part in v) + '>'
