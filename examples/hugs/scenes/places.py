"""Where the figures stand: floor, background, sky and light of each kind of place, as POV-Ray text."""
import math

from .vectors import pov


def light(place, tone, size=0.0, samples=5):
    """A light; with a size its shadows are soft."""
    area = f' area_light <{size},0,0>, <0,0,{size}>, {samples}, {samples} adaptive 1 circular orient' if size else ' shadowless'
    return f'light_source {{ {pov(place)}, srgb {pov(tone)}{area} }}'


def from_sky(azimuth, height, far=60.0):
    return (far * math.sin(azimuth) * math.cos(height), far * math.sin(height), -far * math.cos(azimuth) * math.cos(height))


def sky(low, high, clouds, rng):
    cloud = ''
    if clouds:
        cloud = (f' pigment {{ wrinkles turbulence 0.6 octaves 5 color_map {{ [0 srgbt <1,1,1,1>] [{0.9 - clouds:.2f} srgbt <1,1,1,1>] [1 srgbt <1,1,1,0.1>] }} '
                 f'scale <0.8,0.22,0.8> translate <{rng.uniform(0, 9):.2f},{rng.uniform(0, 9):.2f},0> }}')
    return f'sky_sphere {{ pigment {{ gradient y color_map {{ [0 srgb {pov(low)}] [0.45 srgb {pov(high)}] }} }}{cloud} }}'


def daylight(rng, warm=0.0):
    """Sun through a little haze, or an overcast sky; some of it from the side or behind."""
    azimuth = rng.uniform(-2.2, 2.2)
    if rng.random() < 0.3:
        return '\n'.join([light(from_sky(azimuth, 1.1), (0.88, 0.9, 0.93), 45, 6), light((0, 40, -50), (0.55, 0.57, 0.6))])
    sun = (1.12, 1.06 - 0.12 * warm, 0.97 - 0.4 * warm)
    return '\n'.join([light(from_sky(azimuth, rng.uniform(0.5, 1.1)), sun, 7), light((10, 50, -40), (0.42, 0.47, 0.56)), light((-30, 20, -40), (0.36, 0.36, 0.37))])


def ground(tones, scale, bump, finish='diffuse 0.8'):
    steps = ' '.join(f'[{i / (len(tones) - 1):.2f} srgb {pov(tone)}]' for i, tone in enumerate(tones))
    return (f'plane {{ y, 0 texture {{ pigment {{ granite turbulence 0.4 color_map {{ {steps} }} scale {scale} }} normal {{ bumps {bump} scale {scale * 0.06:.4f} }} '
            f'finish {{ {finish} }} }} }}')


def tree(rng, x, z):
    height, wide = rng.uniform(3.5, 7), rng.uniform(1.0, 2.0)
    hue = rng.choice([((0.16, 0.3, 0.1), (0.42, 0.55, 0.2)), ((0.12, 0.26, 0.14), (0.3, 0.48, 0.24)), ((0.45, 0.25, 0.08), (0.8, 0.55, 0.18)), ((0.2, 0.34, 0.1), (0.6, 0.64, 0.22))])
    parts = []
    for _ in range(26):
        turn, up, out = rng.uniform(0, 2 * math.pi), rng.uniform(-0.9, 1.0), rng.uniform(0.2, 1.0)
        spot = (x + wide * out * math.cos(turn) * math.sqrt(1 - up * up * 0.8), height * (0.72 + 0.26 * up), z + wide * out * math.sin(turn) * math.sqrt(1 - up * up * 0.8))
        parts.append(f'sphere {{ {pov(spot)}, {wide * rng.uniform(0.28, 0.5):.3f} }}')
    return (f'cone {{ <{x:.2f},0,{z:.2f}>, {0.09 * wide + 0.08:.3f}, <{x:.2f},{height * 0.75:.2f},{z:.2f}>, 0.07 pigment {{ wrinkles color_map {{ [0 srgb <0.2,0.14,0.1>] [1 srgb <0.42,0.33,0.26>] }} scale <0.1,0.6,0.1> }} }}\n'
            f'union {{ {" ".join(parts)} texture {{ pigment {{ granite color_map {{ [0.2 srgb {pov(hue[0])}] [0.8 srgb {pov(hue[1])}] }} scale 0.7 }} normal {{ bumps 1.4 scale 0.09 }} finish {{ diffuse 0.8 }} }} }}')


def row_of_trees(rng, count, near, far, spread):
    return '\n'.join(tree(rng, rng.uniform(-spread, spread), rng.uniform(near, far)) for _ in range(count))


def hills(rng, tone):
    parts = []
    for _ in range(4):
        x, wide, high = rng.uniform(-50, 50), rng.uniform(15, 40), rng.uniform(2, 7)
        parts.append(f'sphere {{ 0, 1 scale <{wide:.1f},{high:.1f},8> translate <{x:.1f},0,{rng.uniform(55, 75):.1f}> }}')
    return f'union {{ {" ".join(parts)} texture {{ pigment {{ granite color_map {{ [0 srgb {pov(tone)}*0.8] [1 srgb {pov(tone)}*1.2] }} scale 8 }} }} }}'


def bench(rng, x, z, turn):
    wood = 'texture { pigment { wood color_map { [0 srgb <0.42,0.26,0.14>] [1 srgb <0.58,0.38,0.22>] } scale 0.06 rotate 88*y turbulence 0.1 } }'
    planks = ''.join(f'box {{ <-0.8,0.44,{i * 0.13:.2f}>, <0.8,0.48,{i * 0.13 + 0.11:.2f}> }} ' for i in range(3))
    backs = ''.join(f'box {{ <-0.8,{0.56 + i * 0.14:.2f},0.44>, <0.8,{0.67 + i * 0.14:.2f},0.47> }} ' for i in range(3))
    legs = 'box { <-0.7,0,0.02>, <-0.64,0.95,0.43> } box { <0.64,0,0.02>, <0.7,0.95,0.43> }'
    return f'union {{ union {{ {planks}{backs}{wood} }} union {{ {legs} pigment {{ srgb 0.16 }} }} rotate {math.degrees(turn):.1f}*y translate <{x:.2f},0,{z:.2f}> }}'


def park(rng):
    green = rng.uniform(-0.05, 0.05)
    scene = [sky((0.82, 0.88, 0.94), (0.3 + green, 0.52, 0.84), rng.uniform(0.2, 0.6), rng), daylight(rng), hills(rng, (0.32, 0.42, 0.34)),
             ground([(0.2, 0.3 + green, 0.09), (0.34, 0.47 + green, 0.16), (0.48, 0.56, 0.24)], 0.9, 1.2), row_of_trees(rng, rng.randint(6, 12), 4.5, 22, 14)]
    if rng.random() < 0.5:
        scene.append(f'box {{ <-40,-0.1,{rng.uniform(0.8, 2.2):.2f}>, <40,0.006,{rng.uniform(3.0, 4.2):.2f}> texture {{ pigment {{ granite color_map {{ [0 srgb <0.62,0.54,0.42>] [1 srgb <0.78,0.71,0.58>] }} scale 0.4 }} }} rotate {rng.uniform(-14, 14):.1f}*y }}')
    if rng.random() < 0.6:
        scene.append(bench(rng, rng.choice([-1, 1]) * rng.uniform(1.2, 2.4), rng.uniform(1.8, 3.2), rng.uniform(-0.5, 0.5)))
    return '\n'.join(scene)


def beach(rng):
    sand = rng.uniform(0.9, 1.05)
    shore = rng.uniform(4, 12)
    scene = [sky((0.86, 0.92, 0.97), (0.2, 0.46, 0.86), rng.uniform(0.1, 0.5), rng), daylight(rng, rng.uniform(0, 0.5)),
             ground([(0.72 * sand, 0.6 * sand, 0.42 * sand), (0.84 * sand, 0.74 * sand, 0.55 * sand), (0.92 * sand, 0.84 * sand, 0.66 * sand)], 0.5, 0.6),
             f'plane {{ y, 0.02 texture {{ pigment {{ gradient z color_map {{ [0 srgb <0.35,0.66,0.68>] [0.3 srgb <0.1,0.42,0.55>] [1 srgb <0.05,0.28,0.45>] }} scale 90 translate {shore:.1f}*z }} '
             f'normal {{ ripples 0.5 scale <1.6,1,0.5> turbulence 0.5 }} finish {{ diffuse 0.6 reflection 0.25 specular 0.3 }} }} clipped_by {{ plane {{ -z, -{shore:.1f} }} }} }}',
             f'box {{ <-90,0,{shore - 0.3:.2f}>, <90,0.03,{shore + 0.1:.2f}> texture {{ pigment {{ bozo turbulence 1 color_map {{ [0.3 srgbt <1,1,1,0.1>] [0.6 srgbt <1,1,1,0.8>] }} scale 0.5 }} }} }}']
    if rng.random() < 0.6:
        x, z = rng.choice([-1, 1]) * rng.uniform(1.3, 2.6), rng.uniform(1.2, 3.5)
        first, second = rng.choice(['<0.8,0.15,0.15>', '<0.1,0.4,0.7>', '<0.95,0.7,0.1>', '<0.2,0.6,0.4>']), '<0.96,0.95,0.9>'
        scene.append(f'union {{ cylinder {{ 0, 2.2*y, 0.03 pigment {{ srgb 0.85 }} }} cone {{ 1.85*y, 1.3, 2.35*y, 0 open pigment {{ radial frequency 5 color_map {{ [0 srgb {first}] [0.5 srgb {first}] [0.5 srgb {second}] [1 srgb {second}] }} }} }} rotate <8,0,6> translate <{x:.2f},0,{z:.2f}> }}')
    if rng.random() < 0.4:
        scene.append(hills(rng, (0.4, 0.48, 0.5)))
    return '\n'.join(scene)


def house(rng, x, z, wide, high, lit):
    wall = rng.choice([(0.62, 0.4, 0.32), (0.72, 0.66, 0.55), (0.5, 0.52, 0.55), (0.8, 0.74, 0.66), (0.6, 0.55, 0.42)])
    parts = [f'box {{ <{x:.2f},0,{z:.2f}>, <{x + wide:.2f},{high:.2f},{z + 5:.2f}> texture {{ pigment {{ brick srgb {pov(wall)}*0.75, srgb {pov(wall)} brick_size <0.5,0.17,0.3> mortar 0.02 }} finish {{ diffuse 0.75 }} }} }}']
    glass = 'texture { pigment { srgb <0.18,0.22,0.28> } finish { diffuse 0.4 specular 0.6 reflection 0.2 } }'
    warm = 'texture { pigment { srgb <1,0.8,0.42> } finish { emission 0.8 diffuse 0.2 } }'
    for row in range(int(high / 2.2)):
        for column in range(int(wide / 1.5)):
            left, low = x + 0.4 + column * 1.5, 0.9 + row * 2.2
            look = warm if rng.random() < lit else glass
            parts.append(f'box {{ <{left - 0.07:.2f},{low - 0.08:.2f},{z - 0.04:.2f}>, <{left + 0.87:.2f},{low + 1.28:.2f},{z + 0.1:.2f}> pigment {{ srgb 0.85 }} }} box {{ <{left:.2f},{low:.2f},{z - 0.06:.2f}>, <{left + 0.8:.2f},{low + 1.2:.2f},{z:.2f}> {look} }}')
    return ''.join(parts)


def houses(rng, lit):
    parts, x = [], -16.0
    while x < 16:
        wide = rng.uniform(4, 7.5)
        parts.append(house(rng, x, rng.uniform(5, 7.5), wide, rng.uniform(5, 11), lit))
        x += wide
    return '\n'.join(parts)


def paving(rng, dim=1.0):
    tone = rng.uniform(0.45, 0.62) * dim
    return (f'plane {{ y, 0 texture {{ pigment {{ brick srgb {tone * 0.7:.2f}, srgb <{tone:.2f},{tone * 0.97:.2f},{tone * 0.93:.2f}> brick_size <0.6,0.3,0.6> mortar 0.015 rotate 90*x rotate {rng.uniform(0, 90):.0f}*y }} '
            'normal { granite 0.15 scale 0.3 } finish { diffuse 0.75 } } }')


def street(rng):
    return '\n'.join([sky((0.84, 0.88, 0.92), (0.42, 0.6, 0.85), rng.uniform(0.1, 0.7), rng), daylight(rng, rng.uniform(0, 0.4)), paving(rng), houses(rng, 0.02), row_of_trees(rng, rng.randint(0, 2), 3.5, 4.5, 5)])


def evening(rng):
    glow = rng.choice([((0.95, 0.5, 0.25), (0.16, 0.16, 0.36)), ((0.8, 0.45, 0.5), (0.12, 0.14, 0.32)), ((0.4, 0.42, 0.6), (0.05, 0.07, 0.18))])
    lamp = (rng.choice([-1, 1]) * rng.uniform(1.2, 2.2), 3.0, rng.uniform(0.6, 1.6))
    scene = [sky(glow[0], glow[1], rng.choice([0, 0.3]), rng), light((lamp[0] * 0.9, 2.9, -rng.uniform(0.8, 2.4)), (1.0, 0.74, 0.44), 0.5), light((20, 40, -30), (0.32, 0.34, 0.5)),
             light((-10, 15, -30), (0.34, 0.27, 0.3))]
    if rng.random() < 0.6:
        scene += [paving(rng, 0.8), houses(rng, 0.5), f'cylinder {{ <{lamp[0]:.2f},0,{lamp[2]:.2f}>, {pov(lamp)}, 0.05 pigment {{ srgb 0.08 }} }} sphere {{ {pov(lamp)}, 0.17 no_shadow pigment {{ srgb <1,0.9,0.65> }} finish {{ emission 1.2 }} }}']
    else:
        scene += [ground([(0.16, 0.22, 0.1), (0.26, 0.32, 0.15)], 0.9, 1.2), row_of_trees(rng, 7, 4, 18, 12), hills(rng, (0.18, 0.18, 0.24))]
    return '\n'.join(scene)


def snow(rng):
    scene = [sky((0.86, 0.88, 0.92), (0.6, 0.7, 0.84), 0.5, rng), daylight(rng), ground([(0.82, 0.85, 0.92), (0.9, 0.92, 0.96), (0.96, 0.97, 0.99)], 1.4, 0.5), hills(rng, (0.75, 0.8, 0.88))]
    for _ in range(rng.randint(5, 10)):
        x, z, high = rng.uniform(-11, 11), rng.uniform(3.5, 18), rng.uniform(2.5, 6)
        cones = ''.join(f'cone {{ <0,{high * (0.12 + 0.2 * i):.2f},0>, {high * (0.26 - 0.05 * i):.2f}, <0,{high * (0.45 + 0.2 * i):.2f},0>, 0.02 }} ' for i in range(4))
        scene.append(f'union {{ {cones} texture {{ pigment {{ granite color_map {{ [0.35 srgb <0.1,0.2,0.14>] [0.5 srgb <0.16,0.28,0.2>] [0.6 srgb <0.92,0.94,0.98>] }} scale 0.8 }} normal {{ bumps 1.2 scale 0.1 }} }} translate <{x:.2f},0,{z:.2f}> }}')
    return '\n'.join(scene)


def furniture(rng, back):
    parts = []
    if rng.random() < 0.7:
        tone = rng.choice([(0.3, 0.35, 0.45), (0.55, 0.3, 0.25), (0.45, 0.5, 0.38), (0.65, 0.6, 0.52)])
        x, cloth = rng.uniform(-1.6, 0.6), f'texture {{ pigment {{ bozo color_map {{ [0 srgb {pov(tone)}*0.85] [1 srgb {pov(tone)}*1.1] }} scale 0.05 }} normal {{ bumps 0.3 scale 0.03 }} }}'
        parts.append(f'union {{ superellipsoid {{ <0.2,0.2> scale <0.95,0.2,0.4> translate <0.9,0.3,0> }} superellipsoid {{ <0.2,0.2> scale <0.95,0.35,0.14> translate <0.9,0.6,0.34> }} superellipsoid {{ <0.2,0.2> scale <0.14,0.3,0.42> translate <-0.05,0.36,0> }} superellipsoid {{ <0.2,0.2> scale <0.14,0.3,0.42> translate <1.85,0.36,0> }} {cloth} translate <{x:.2f},0,{back - 0.6:.2f}> }}')
    if rng.random() < 0.6:
        x = rng.choice([-1, 1]) * rng.uniform(1.5, 2.3)
        leaves = ''.join(f'sphere {{ 0, 1 scale <0.05,0.35,0.1> translate 0.35*y rotate <{rng.uniform(10, 65):.0f},{i * 40:.0f},0> translate 0.4*y }} ' for i in range(9))
        parts.append(f'union {{ cone {{ 0, 0.13, 0.4*y, 0.18 pigment {{ srgb <0.6,0.32,0.2> }} }} union {{ {leaves} pigment {{ srgb <0.2,0.42,0.16> }} finish {{ diffuse 0.7 specular 0.3 }} }} scale {rng.uniform(1, 1.6):.2f} translate <{x:.2f},0,{back - 0.5:.2f}> }}')
    for _ in range(rng.randint(0, 3)):
        x, y, wide, high = rng.uniform(-2, 1.6), rng.uniform(1.3, 1.7), rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.7)
        hue = [f'{rng.uniform(0.1, 0.9):.2f}' for _ in range(6)]
        parts.append(f'box {{ <{x:.2f},{y:.2f},{back - 0.04:.2f}>, <{x + wide:.2f},{y + high:.2f},{back}> pigment {{ srgb {rng.choice(["0.12", "0.9", "<0.4,0.27,0.15>"])} }} }} '
                     f'box {{ <{x + 0.04:.2f},{y + 0.04:.2f},{back - 0.05:.2f}>, <{x + wide - 0.04:.2f},{y + high - 0.04:.2f},{back}> pigment {{ bozo turbulence 0.7 color_map {{ [0.2 srgb <{",".join(hue[:3])}>] [0.8 srgb <{",".join(hue[3:])}>] }} scale 0.25 }} }}')
    return '\n'.join(parts)


def room(rng):
    back = rng.uniform(1.3, 3.0)
    wall = rng.choice([(0.86, 0.82, 0.74), (0.7, 0.78, 0.8), (0.82, 0.72, 0.62), (0.62, 0.7, 0.6), (0.9, 0.9, 0.88), (0.56, 0.5, 0.58), (0.75, 0.62, 0.5)])
    style = rng.choice(['paint', 'paint', 'paper', 'brick'])
    face = {'paint': f'pigment {{ bozo color_map {{ [0 srgb {pov(wall)}*0.96] [1 srgb {pov(wall)}*1.02] }} }}',
            'paper': f'pigment {{ gradient x color_map {{ [0 srgb {pov(wall)}] [0.5 srgb {pov(wall)}] [0.5 srgb {pov(wall)}*0.88] [1 srgb {pov(wall)}*0.88] }} scale 0.22 }}',
            'brick': f'pigment {{ brick srgb 0.75, srgb <{wall[0] * 0.8:.2f},{wall[1] * 0.58:.2f},{wall[2] * 0.5:.2f}> brick_size <0.24,0.08,0.12> mortar 0.012 }}'}[style]
    dark = rng.uniform(0.45, 1.05)
    floor = (f'plane {{ y, 0 texture {{ pigment {{ wood turbulence 0.06 color_map {{ [0 srgb <0.6,0.42,0.26>*{dark:.2f}] [1 srgb <0.76,0.56,0.36>*{dark:.2f}] }} scale <0.12,0.12,1.5> rotate <2,{rng.choice([0, 90])},0> }} finish {{ diffuse 0.75 specular 0.25 roughness 0.04 reflection 0.04 }} }} }}')
    if rng.random() < 0.25:
        floor = 'plane { y, 0 texture { pigment { checker srgb 0.85, srgb <0.45,0.42,0.4> scale 0.4 } finish { diffuse 0.75 reflection 0.05 } } }'
    rug = ''
    if rng.random() < 0.5:
        a, b = (tuple(rng.uniform(0.2, 0.8) for _ in range(3)) for _ in range(2))
        rug = f'cylinder {{ 0, 0.012*y, {rng.uniform(1.0, 1.6):.2f} scale <1.3,1,1> texture {{ pigment {{ onion color_map {{ [0 srgb {pov(a)}] [0.5 srgb {pov(a)}] [0.5 srgb {pov(b)}] [1 srgb {pov(b)}] }} scale 0.3 }} normal {{ bumps 0.5 scale 0.02 }} }} }}'
    window_x = rng.uniform(-2.4, 1.2)
    window = (f'box {{ <{window_x:.2f},0.9,{back - 0.05:.2f}>, <{window_x + 1.1:.2f},2.2,{back}> pigment {{ srgb 0.95 }} }} box {{ <{window_x + 0.07:.2f},0.97,{back - 0.06:.2f}>, <{window_x + 1.03:.2f},2.13,{back}> '
              'pigment { gradient y color_map { [0 srgb <0.7,0.8,0.75>] [0.5 srgb <0.8,0.9,1>] [1 srgb <0.6,0.78,1>] } scale 2.2 } finish { emission 0.5 } }') if rng.random() < 0.45 else ''
    key = (rng.uniform(-2.2, 2.2), rng.uniform(2.2, 2.9), rng.uniform(-2.8, -0.6))
    warm = rng.uniform(0.7, 1.0)
    return '\n'.join([f'background {{ srgb {pov(wall)} }}', light(key, (1.05, 0.95 * warm + 0.1, 0.9 * warm), 0.8, 6), light((0, 3, -6), (0.58, 0.56, 0.54)), light((-key[0], 1.2, -5), (0.4, 0.4, 0.42)),
                      f'plane {{ z, {back:.2f} texture {{ {face} finish {{ diffuse 0.8 }} }} }} box {{ <-20,0,{back - 0.03:.2f}>, <20,0.1,{back:.2f}> pigment {{ srgb 0.88 }} }}', floor, rug, window, furniture(rng, back)])


PLACES = [room, park, beach, street, evening, snow, room, park]
