"""Two figures put together: hugging, or near each other without a hug. Each pose is (figure, figure), their middle at the origin."""
import math

from .figure import Figure, Pose, random_body
from .vectors import add, between, scaled


def across(distance, turn, shift=0.0):
    """Two places that lie distance apart along a line turned by turn, each moved by shift to its side."""
    way, side = (math.sin(turn), math.cos(turn)), (math.cos(turn), -math.sin(turn))
    first = (-way[0] * distance / 2 + side[0] * shift, -way[1] * distance / 2 + side[1] * shift)
    return first, (-first[0], -first[1])


def settle(rng, pose):
    """Small differences that no two moments share."""
    pose.head_turn += rng.uniform(-0.3, 0.3)
    pose.head_nod += rng.uniform(-0.1, 0.2)
    pose.head_tilt += rng.uniform(-0.12, 0.12)
    pose.stance = rng.uniform(0.9, 1.5)
    return pose


def round_the_back(holder, held, up, reach=1.0):
    """Both of holder's hands laid on held's back."""
    pose = holder.pose
    pose.left_hand = between(holder.shoulder(-1), held.back(0.9, up + 0.03), reach)
    pose.right_hand = between(holder.shoulder(1), held.back(-0.9, up - 0.03), reach)
    pose.left_pole, pose.right_pole = (-1.0, -0.35, 0.25), (1.0, -0.35, 0.25)


def embrace(rng, turn):
    """Face to face, chests touching, arms around each other, heads side by side."""
    bodies = random_body(rng), random_body(rng)
    girth = (bodies[0].girth + bodies[1].girth) / 2
    taller, smaller = max(body.height for body in bodies), min(body.height for body in bodies)
    if taller > 1.18 * smaller:
        turn = math.pi / 2 + 0.7 * math.sin(turn)  # seen from the side, or the taller hides the smaller
    distance = rng.uniform(0.085, 0.12) * girth * taller + 0.05
    lean, side = rng.uniform(0.04, 0.12), rng.choice([-1, 1])
    places = across(distance, turn, side * 0.012)
    figures = []
    for body, place, facing in zip(bodies, places, (turn, turn + math.pi)):
        tilt = side * rng.uniform(0.1, 0.3)
        pose = Pose(place, facing, lean=lean, lean_side=side * rng.uniform(0.1, 0.17), head_tilt=tilt, head_nod=rng.uniform(0, 0.3),
                    head_turn=-side * rng.uniform(0.1, 0.5), stance=rng.uniform(0.9, 1.5))
        figures.append(Figure(body, pose))
    first, second = figures
    ratio = first.body.height / second.body.height
    high, low = rng.uniform(0.74, 0.79), rng.uniform(0.62, 0.7)
    if ratio > 1.18 or ratio < 0.85:
        big, small = (first, second) if ratio > 1 else (second, first)
        big.pose.lean, big.pose.head_nod = 0.3, 0.5
        small.pose.lean, small.pose.head_nod = 0.0, -0.2
        round_the_back(big, small, 0.74)
        round_the_back(small, big, 0.58)
    elif rng.random() < 0.3:
        for a, b in ((first, second), (second, first)):
            round_the_back(a, b, rng.uniform(0.66, 0.74))
    else:
        over, under = (first, second) if rng.random() < 0.5 else (second, first)
        round_the_back(over, under, high)
        round_the_back(under, over, low)
    return first, second


def side_hug(rng, turn):
    """Side by side, an arm around the other's shoulders, the other's around the waist, heads together."""
    left, right = random_body(rng, 0.05), random_body(rng, 0.05)
    apart = 0.13 * (left.girth * left.height + right.girth * right.height) / 2 + 0.06
    places = across(apart, turn + math.pi / 2)
    first = Figure(left, Pose(places[0], turn + rng.uniform(0.1, 0.45), lean_side=0.09, head_tilt=0.25))
    second = Figure(right, Pose(places[1], turn - rng.uniform(0.1, 0.45), lean_side=-0.09, head_tilt=-0.25))
    first.pose.right_hand, first.pose.right_pole = second.at(0.09, 0.78, -0.06), (0.3, 0.2, -1.0)
    second.pose.left_hand, second.pose.left_pole = first.at(-0.06, 0.6, -0.07), (-0.3, -0.3, -1.0)
    if rng.random() < 0.6:
        first.pose.left_hand, first.pose.left_pole = second.at(-0.02, 0.7, 0.08), (-0.6, -0.8, 0.5)
    if rng.random() < 0.4:
        second.pose.right_hand, second.pose.right_pole = first.at(0.03, 0.66, 0.08), (0.6, -0.8, 0.5)
    return first, second


def apart(rng, turn):
    """Standing some steps from each other, looking anywhere."""
    places = across(rng.uniform(1.0, 1.9), turn + math.pi / 2)
    figures = [Figure(random_body(rng), settle(rng, Pose(place, rng.uniform(-math.pi, math.pi)))) for place in places]
    for figure in figures:
        idle_hands(rng, figure)
    return tuple(figures)


def talking(rng, turn):
    """Face to face at talking distance, one or both making a point with a hand."""
    places = across(rng.uniform(0.8, 1.3), turn)
    first = Figure(random_body(rng), settle(rng, Pose(places[0], turn)))
    second = Figure(random_body(rng), settle(rng, Pose(places[1], turn + math.pi)))
    idle_hands(rng, second)
    first.pose.right_hand = first.at(0.09, rng.uniform(0.6, 0.72), 0.15)
    if rng.random() < 0.5:
        first.pose.left_hand = first.at(-0.1, rng.uniform(0.58, 0.7), 0.14)
    return first, second


def hand_shake(rng, turn):
    places = across(rng.uniform(0.85, 1.0), turn, 0.02)
    first = Figure(random_body(rng, 0), settle(rng, Pose(places[0], turn, lean=0.06)))
    second = Figure(random_body(rng, 0), settle(rng, Pose(places[1], turn + math.pi, lean=0.06)))
    meeting = add(between(first.at(0.04, 0.58, 0), second.at(0.04, 0.58, 0), 0.5), (0, rng.uniform(-0.03, 0.05), 0))
    for figure in (first, second):
        figure.pose.right_hand = add(meeting, scaled(figure.forward, -0.05))
        figure.pose.right_pole = (0.6, -1.0, -0.2)
    return first, second


def back_to_back(rng, turn):
    """As near as a hug, but turned away from each other."""
    bodies = random_body(rng, 0.05), random_body(rng, 0.05)
    places = across(rng.uniform(0.3, 0.42), turn)
    figures = [Figure(body, settle(rng, Pose(place, facing, lean=-0.04))) for body, place, facing in zip(bodies, places, (turn + math.pi, turn))]
    for figure in figures:
        idle_hands(rng, figure, crossed=0.6)
    return tuple(figures)


def walking_past(rng, turn):
    """Passing each other, shoulders close, in step."""
    places = across(rng.uniform(0.2, 0.9), turn, rng.uniform(0.26, 0.42) * rng.choice([-1, 1]))
    figures = []
    for place, facing in zip(places, (turn, turn + math.pi)):
        stride = rng.uniform(0.22, 0.36) * rng.choice([-1, 1])
        figure = Figure(random_body(rng), settle(rng, Pose(place, facing, lean=0.06, stride=stride)))
        swing = math.copysign(0.11, stride)
        figure.pose.left_hand, figure.pose.right_hand = figure.at(-0.145, 0.5, swing), figure.at(0.145, 0.5, -swing)
        figures.append(figure)
    return tuple(figures)


def waving(rng, turn):
    """One waves, the other waves back or looks."""
    places = across(rng.uniform(0.9, 2.0), turn + math.pi / 2)
    figures = [Figure(random_body(rng), settle(rng, Pose(place, math.pi + rng.uniform(-0.8, 0.8)))) for place in places]
    for index, figure in enumerate(figures):
        if index == 0 or rng.random() < 0.4:
            side = rng.choice([-1, 1])
            hand, pole = figure.at(side * 0.2, rng.uniform(0.96, 1.06), 0.05), (side, -0.6, 0.1)
            if side > 0:
                figure.pose.right_hand, figure.pose.right_pole = hand, pole
            else:
                figure.pose.left_hand, figure.pose.left_pole = hand, pole
        else:
            idle_hands(rng, figure)
    return tuple(figures)


def side_by_side(rng, turn):
    """As near as a side hug, but the arms stay at home."""
    places = across(rng.uniform(0.5, 0.68), turn + math.pi / 2)
    figures = [Figure(random_body(rng), settle(rng, Pose(place, turn + rng.uniform(-0.3, 0.3)))) for place in places]
    for figure in figures:
        idle_hands(rng, figure)
    return tuple(figures)


def idle_hands(rng, figure, crossed=0.25):
    """Hands hang, rest on the hips, or the arms are crossed."""
    pose, choice = figure.pose, rng.random()
    if choice < crossed:
        pose.left_hand, pose.right_hand = figure.at(0.06, 0.69, 0.085), figure.at(-0.06, 0.665, 0.1)
        pose.left_pole, pose.right_pole = (-1.0, -1.0, 0.2), (1.0, -1.0, 0.2)
    elif choice < crossed + 0.2:
        pose.left_hand, pose.right_hand = figure.at(-0.1, 0.55, 0.0), figure.at(0.1, 0.55, 0.0)
        pose.left_pole, pose.right_pole = (-1.0, 0.2, -0.3), (1.0, 0.2, -0.3)


HUGS = [embrace, embrace, side_hug, embrace, embrace, embrace, embrace]
NOT_HUGS = [apart, talking, waving, hand_shake, apart, walking_past, talking, waving, apart, side_by_side, talking, apart, back_to_back]
