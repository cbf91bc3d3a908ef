"""One figure: a body with clothes, put into a pose, written as POV-Ray objects."""
from dataclasses import dataclass, field
import math

from .vectors import UP, add, between, cross, joint, minus, pov, scaled, unit

SKINS = ['ffe0c8', 'f5cdb0', 'eab898', 'd9a079', 'c08457', '9a6540', '7b4c2f', '5c3822']
HAIRS = ['1a1512', '2f2119', '4d321f', '7a5230', 'a8753f', 'd8b26a', '8c3b1c', '9a9a98', 'dcdcd8']
CLOTHES = ['b3202c', '1f4f9c', '2b7a4b', 'e0a526', 'f1efe9', '23262d', '6b3f8f', '2aa0a8', 'd9688f', '8a8f98', 'd96b27', '5a6b3a',
           '7fb2dd', '744a33', 'e8d9b8', '0f3347']
TROUSERS = ['1e2a44', '2d3a5c', '4c6288', '23262d', '6f6152', 'b39b74', '3f4a3a', '57504c', 'c9c4b8', '5b2a34']


def colour(text):
    return 'srgb <' + ','.join(f'{int(text[i:i + 2], 16) / 255:.3f}' for i in (0, 2, 4)) + '>'


@dataclass
class Body:
    """What a figure keeps over all poses: size in metres, girth as a share of the usual one, looks."""
    height: float
    girth: float
    skin: str
    hair: str
    hair_style: str
    top: str
    top_second: str
    pattern: str
    bottom: str
    bottom_style: str
    long_sleeves: bool
    shoes: str


@dataclass
class Pose:
    """Where a figure stands, where it looks, where hands and feet are. Hands and feet None hang or stand by themselves."""
    place: tuple
    facing: float
    lean: float = 0.0
    lean_side: float = 0.0
    head_turn: float = 0.0
    head_nod: float = 0.0
    head_tilt: float = 0.0
    left_hand: tuple = None
    right_hand: tuple = None
    left_pole: tuple = (-1.0, -0.6, -0.5)
    right_pole: tuple = (1.0, -0.6, -0.5)
    stride: float = 0.0
    stance: float = 1.0
    extra: dict = field(default_factory=dict)


def random_body(rng, child_share=0.07):
    child = rng.random() < child_share
    return Body(height=rng.uniform(1.15, 1.4) if child else rng.uniform(1.55, 1.93), girth=rng.uniform(0.9, 1.3), skin=rng.choice(SKINS),
                hair=rng.choice(HAIRS), hair_style=rng.choice(['short', 'short', 'long', 'long', 'bun', 'cap', 'bald', 'tail', 'hat']),
                top=rng.choice(CLOTHES), top_second=rng.choice(CLOTHES), pattern=rng.choice(['plain', 'plain', 'plain', 'stripes', 'bands', 'checks', 'spots']),
                bottom=rng.choice(TROUSERS), bottom_style=rng.choice(['trousers', 'trousers', 'trousers', 'shorts', 'skirt', 'dress']),
                long_sleeves=rng.random() < 0.6, shoes=rng.choice(['1c1a1a', '5a3a24', 'e8e6e2', '8c2f2a', '38465c']))


class Figure:
    """A body in a pose. Points are in the world's frame; local ones are (right, up, forward) from the feet."""

    def __init__(self, body, pose):
        self.body, self.pose = body, pose
        self.forward = (math.sin(pose.facing), 0.0, math.cos(pose.facing))
        self.right = (math.cos(pose.facing), 0.0, -math.sin(pose.facing))
        self.sink = 0.012 * body.height * min(abs(pose.stride) / 0.3, 2) + 0.004 * body.height

    def at(self, right, up, forward):
        """A point of the figure; the parts above the hips follow its lean. Arguments are shares of the body's height."""
        h = self.body.height
        above = max(up - 0.5, 0.0)
        forward += above * math.tan(self.pose.lean)
        right += above * math.tan(self.pose.lean_side)
        return add((self.pose.place[0], 0, self.pose.place[1]), scaled(self.right, right * h), scaled(UP, up * h - self.sink), scaled(self.forward, forward * h))

    def turned(self, v):
        return add(scaled(self.right, v[0]), scaled(UP, v[1]), scaled(self.forward, v[2]))

    def shoulder(self, side):
        return self.at(side * (0.098 + 0.012 * self.body.girth), 0.805, 0.0)

    def back(self, side, up):
        """A spot on the figure's back where another's hand may lie."""
        return self.at(side * 0.045, up, -0.062 * self.body.girth - 0.02)

    def hand(self, side):
        wanted = self.pose.right_hand if side > 0 else self.pose.left_hand
        return wanted if wanted is not None else self.at(side * (0.135 + 0.03 * self.body.girth), 0.47, 0.03)

    def arm(self, side):
        h = self.body.height
        pole = self.turned(self.pose.right_pole if side > 0 else self.pose.left_pole)
        shoulder = self.shoulder(side)
        elbow, wrist = joint(shoulder, self.hand(side), 0.172 * h, 0.16 * h, pole)
        return shoulder, elbow, wrist

    def leg(self, side):
        h, stance = self.body.height, self.pose.stance
        hip = self.at(side * 0.052, 0.505, 0.0)
        forward = side * self.pose.stride / 2
        lifted = 0.03 if forward < -0.05 else 0.0
        ankle = self.at(side * 0.058 * stance, 0.04 + lifted, forward)
        knee, ankle = joint(hip, add(ankle, scaled(UP, self.sink)), 0.238 * h, 0.231 * h, self.turned((side * 0.1, 0, 1)))
        return hip, knee, ankle

    def head(self):
        return self.at(0, 0.925, 0.018)

    def points(self):
        """The figure's outer points, for framing."""
        found = [add(self.head(), (0, 0.09 * self.body.height, 0)), self.at(0, 0, 0), self.shoulder(-1), self.shoulder(1)]
        for side in (-1, 1):
            found += list(self.arm(side)) + list(self.leg(side))
        return found

    def scene(self):
        parts = [self.torso(), self.skirt(), self.head_scene()]
        for side in (-1, 1):
            parts += [self.arm_scene(side), self.leg_scene(side)]
        return '\n'.join(part for part in parts if part)

    def cloth(self, part):
        body = self.body
        bottom = part == 'bottom' and body.bottom_style != 'dress'
        first, second = (body.bottom, body.bottom) if bottom else (body.top, body.top_second)
        a, b = colour(first), colour(second)
        pattern = 'plain' if bottom else body.pattern
        pigment = {
            'plain': f'pigment {{ bozo color_map {{ [0 {a}*0.88] [1 {a}*1.08] }} scale 0.09 }}',
            'stripes': f'pigment {{ gradient y color_map {{ [0 {a}] [0.5 {a}] [0.5 {b}] [1 {b}] }} scale 0.085 }}',
            'bands': f'pigment {{ gradient y color_map {{ [0 {a}] [0.7 {a}] [0.7 {b}] [1 {b}] }} scale 0.26 }}',
            'checks': f'pigment {{ checker {a}, {b} scale 0.05 rotate <20,30,10> }}',
            'spots': f'pigment {{ leopard color_map {{ [0 {a}] [0.55 {a}] [0.6 {b}] [1 {b}] }} scale 0.016 }}',
        }[pattern]
        return f'texture {{ {pigment} normal {{ wrinkles 0.35 scale 0.07 }} finish {{ diffuse 0.8 specular 0.04 roughness 0.2 }} }}'

    def skin(self):
        tone = colour(self.body.skin)
        return f'texture {{ pigment {{ bozo color_map {{ [0 {tone}*0.95] [1 {tone}*1.03] }} scale 0.05 }} finish {{ diffuse 0.78 specular 0.12 roughness 0.08 }} }}'

    def torso(self):
        h, g = self.body.height, self.body.girth
        frame = f'matrix <{",".join(pov(v)[1:-1] for v in (self.right, UP, self.forward))},0,0,0>'

        def lump(up, wide, deep, high, right=0.0, forward=0.0):
            size = (wide * h / 0.541, high * h / 0.541, deep * h / 0.541)
            return f'sphere {{ 0, 1, 1 scale {pov(size)} {frame} translate {pov(self.at(right, up, forward))} }}'

        belly = 0.02 * max(g - 1.0, 0)
        top = [lump(0.76, 0.082 * (0.75 + g / 4), 0.05 * g, 0.07), lump(0.66, 0.066 * g, 0.046 * g, 0.07, 0, belly),
               lump(0.58, 0.066 * g, 0.048 * g, 0.05, 0, belly), lump(0.805, 0.05, 0.034, 0.026, -0.062), lump(0.805, 0.05, 0.034, 0.026, 0.062)]
        hips = [lump(0.525, 0.07 * g, 0.055 * g, 0.045), lump(0.49, 0.035, 0.05 * g, 0.04, -0.04), lump(0.49, 0.035, 0.05 * g, 0.04, 0.04)]
        return (f'blob {{ threshold 0.5 {" ".join(top)} {self.cloth("top")} }}\n'
                f'blob {{ threshold 0.5 {" ".join(hips)} {self.cloth("bottom")} }}')

    def skirt(self):
        if self.body.bottom_style not in ('skirt', 'dress'):
            return ''
        h, g = self.body.height, self.body.girth
        rows = [self.right, UP, self.forward, add((self.pose.place[0], 0, self.pose.place[1]), scaled(UP, -self.sink))]
        frame = ','.join(pov(row)[1:-1] for row in rows)
        wide = 0.125 + abs(self.pose.stride) * 0.22
        return (f'cone {{ <0,{0.27 * h:.4f},0>, {wide * h:.4f}, <0,{0.6 * h:.4f},0>, {0.074 * g * h:.4f} open scale <1.12,1,0.98> '
                f'matrix <{frame}> {self.cloth("bottom")} }}')

    def limb(self, start, end, radius_start, radius_end, texture):
        return (f'union {{ sphere {{ {pov(start)}, {radius_start:.4f} }} cone {{ {pov(start)}, {radius_start:.4f}, {pov(end)}, {radius_end:.4f} }} '
                f'sphere {{ {pov(end)}, {radius_end:.4f} }} {texture} }}')

    def arm_scene(self, side):
        h, g = self.body.height, 0.7 + 0.3 * self.body.girth
        shoulder, elbow, wrist = self.arm(side)
        sleeve, skin = self.cloth('top'), self.skin()
        parts = []
        if self.body.long_sleeves:
            parts = [self.limb(shoulder, elbow, 0.038 * g * h, 0.029 * g * h, sleeve), self.limb(elbow, between(elbow, wrist, 0.93), 0.029 * g * h, 0.023 * g * h, sleeve)]
        else:
            hem = between(shoulder, elbow, 0.6)
            parts = [self.limb(shoulder, hem, 0.039 * g * h, 0.034 * g * h, sleeve), self.limb(hem, elbow, 0.027 * g * h, 0.025 * g * h, skin),
                     self.limb(elbow, wrist, 0.025 * g * h, 0.018 * g * h, skin)]
        along = unit(minus(wrist, elbow))
        palm = add(wrist, scaled(along, 0.035 * h))
        tip = add(wrist, scaled(along, 0.062 * h))
        thumb = add(wrist, scaled(along, 0.035 * h), scaled(unit(cross(along, self.right)), 0.022 * h))
        parts.append(f'blob {{ threshold 0.5 cylinder {{ {pov(wrist)}, {pov(palm)}, {0.033 * h:.4f}, 1 }} sphere {{ {pov(tip)}, {0.03 * h:.4f}, 0.9 }} '
                     f'cylinder {{ {pov(wrist)}, {pov(thumb)}, {0.017 * h:.4f}, 0.8 }} {skin} }}')
        return '\n'.join(parts)

    def leg_scene(self, side):
        h, g = self.body.height, 0.65 + 0.35 * self.body.girth
        hip, knee, ankle = self.leg(side)
        cloth, skin = self.cloth('bottom'), self.skin()
        upper, middle, lower = 0.056 * g * h, 0.038 * g * h, 0.028 * g * h
        if self.body.bottom_style == 'trousers':
            parts = [self.limb(hip, knee, upper, middle, cloth), self.limb(knee, ankle, middle, lower * 1.05, cloth)]
        else:
            parts = [self.limb(hip, knee, upper * 0.9, middle * 0.88, skin), self.limb(knee, ankle, middle * 0.88, lower * 0.8, skin)]
        if self.body.bottom_style == 'shorts':
            parts.append(self.limb(hip, between(hip, knee, 0.75), upper * 1.05, middle * 1.25, cloth))
        toe = add(ankle, scaled(self.forward, 0.085 * h), (0, -0.012 * h, 0))
        heel = add(ankle, scaled(self.forward, -0.012 * h), (0, -0.008 * h, 0))
        parts.append(f'union {{ sphere {{ {pov(heel)}, {0.03 * h:.4f} }} cone {{ {pov(heel)}, {0.03 * h:.4f}, {pov(toe)}, {0.026 * h:.4f} }} '
                     f'sphere {{ {pov(toe)}, {0.026 * h:.4f} }} texture {{ pigment {{ {colour(self.body.shoes)} }} finish {{ diffuse 0.7 specular 0.3 roughness 0.05 }} }} }}')
        return '\n'.join(parts)

    def head_frame(self):
        """Rows right, up, forward of the head: turned, then nodded, then tilted."""
        turn, nod, tilt = self.pose.head_turn + self.pose.facing, self.pose.head_nod, self.pose.head_tilt
        forward = (math.sin(turn) * math.cos(nod), -math.sin(nod), math.cos(turn) * math.cos(nod))
        right = (math.cos(turn), 0.0, -math.sin(turn))
        up = cross(forward, right)
        leaned = add(scaled(right, math.cos(tilt)), scaled(up, -math.sin(tilt)))
        return leaned, cross(forward, leaned), forward

    def head_scene(self):
        h = self.body.height
        size = 0.078 * h * (1.1 if h < 1.45 else 1.0)
        rows = list(self.head_frame()) + [self.head()]
        matrix = f'scale {size:.4f} matrix <{",".join(pov(row)[1:-1] for row in rows)}>'
        neck = self.limb(self.at(0, 0.81, -0.005), between(self.at(0, 0.81, 0), self.head(), 0.7), 0.036 * h, 0.031 * h, self.skin())
        skin = ('merge { sphere { 0, 1 scale <0.78,1.04,0.92> } sphere { <0,-0.45,0.16>, 0.56 scale <0.95,1,1.05> } '
                'sphere { 0, 1 scale <0.1,0.17,0.16> translate <0,-0.16,0.93> } sphere { 0, 1 scale <0.09,0.2,0.14> translate <-0.79,-0.1,-0.05> } '
                'sphere { 0, 1 scale <0.09,0.2,0.14> translate <0.79,-0.1,-0.05> } ' + self.skin() + ' }')
        return f'{neck}\nunion {{ {skin} {self.face()} {self.hair()} {matrix} }}'

    def face(self):
        brow = colour(self.body.hair if self.body.hair_style != 'bald' else '3a2a20')
        parts = []
        for side in (-1, 1):
            parts += [f'sphere {{ 0, 1 scale <0.15,0.095,0.07> translate <{side * 0.29},0.06,0.82> pigment {{ srgb 0.95 }} finish {{ diffuse 0.8 specular 0.5 }} }}',
                      f'sphere {{ <{side * 0.28},0.055,0.86>, 0.068 pigment {{ srgb <0.08,0.05,0.04> }} finish {{ specular 0.8 roughness 0.01 }} }}',
                      f'cylinder {{ <{side * 0.15},0.24,0.86>, <{side * 0.43},0.22,0.76>, 0.042 pigment {{ {brow} }} }}']
        parts.append('sphere { 0, 1 scale <0.25,0.055,0.06> translate <0,-0.56,0.76> pigment { srgb <0.62,0.24,0.22> } }')
        return ' '.join(parts)

    def hair(self):
        style, tone = self.body.hair_style, colour(self.body.hair)
        look = f'texture {{ pigment {{ wrinkles color_map {{ [0 {tone}*0.7] [1 {tone}*1.15] }} scale <0.12,0.6,0.12> }} normal {{ bumps 0.5 scale <0.06,0.5,0.06> }} finish {{ diffuse 0.75 specular 0.2 roughness 0.05 }} }}'
        cap = 'sphere { 0, 1 scale <0.88,1.0,0.95> translate <0,0.17,-0.15> }'
        second = f'texture {{ pigment {{ {colour(self.body.top_second)} }} normal {{ bumps 0.3 scale 0.1 }} }}'
        if style == 'bald':
            return ''
        if style == 'long':
            return f'union {{ {cap} sphere {{ 0, 1 scale <0.86,1.15,0.5> translate <0,-0.45,-0.5> }} sphere {{ 0, 1 scale <0.24,0.85,0.4> translate <-0.68,-0.35,-0.12> }} sphere {{ 0, 1 scale <0.24,0.85,0.4> translate <0.68,-0.35,-0.12> }} {look} }}'
        if style == 'bun':
            return f'union {{ {cap} sphere {{ <0,0.75,-0.85>, 0.42 }} {look} }}'
        if style == 'tail':
            return f'union {{ {cap} sphere {{ 0, 1 scale <0.28,0.95,0.28> rotate 15*x translate <0,-0.35,-1.15> }} sphere {{ <0,0.3,-1.02>, 0.26 }} {look} }}'
        if style == 'cap':
            return f'union {{ {cap} {look} }} union {{ sphere {{ 0, 1 scale <0.92,0.85,0.98> translate <0,0.38,-0.08> }} cylinder {{ 0, 0.08*y, 0.72 scale <1,1,1> translate <0,0.42,0.62> }} {second} }}'
        if style == 'hat':
            return f'union {{ {cap} {look} }} union {{ sphere {{ 0, 1 scale <0.93,0.8,0.98> translate <0,0.55,-0.08> }} torus {{ 0.86, 0.16 translate <0,0.5,-0.05> }} {second} }}'
        return f'object {{ {cap} {look} }}'
