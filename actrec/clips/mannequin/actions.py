"""The named actions: what hips, trunk, hands and feet do over time, and with which thing.

Axes and units as in `skeleton`: x forward, y up, z to the figure's left, metres. Every move is a function of a `Manner` alone.
The moves of a pair are written once; the other one is the same clip played backwards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from actrec.clips.mannequin.skeleton import ANKLE  # isort: skip  # fmt: skip
from actrec.clips.mannequin.skeleton import (
    BALL,
    BOX,
    PLATE,
    SEAT,
    SIDES,
    STAND,
    TABLE,
    Manner,
    Motion,
    Posture,
    Thing,
    arm,
    blend,
    feet,
    hip_at,
    keys,
    shoulders,
    skeleton,
    smooth,
    unit,
)


def sit_down(m: Manner) -> Motion:
    w = m.progress
    hip = hip_at(m, blend(0.0, -0.40, w), blend(STAND, SEAT + 0.11, w))
    p = Posture(hip, 0.03 + 0.62 * np.sin(np.pi * w) ** 1.5 * m.reach)
    rest = np.array([[-0.12, 0.6, 0.12], [-0.12, 0.6, -0.12]])
    wrists = blend(shoulders(m, p) + arm(0.15, 0.14), rest, smooth(w)[:, None, None])
    return skeleton(m, replace(p, wrists=wrists), (Thing("chair", hip_at(m, -0.42, 0.0) - m.sway),))


def lift_box(m: Manner) -> Motion:
    w = m.progress
    hip = hip_at(m, blend(-0.30, 0.0, w), blend(0.40, STAND, w))
    p = Posture(hip, blend(1.0, -0.03, w), ankles=feet(m, 0.15), knees=np.array([[1, 0, 0.5], [1, 0, -0.5]]))
    box = hip_at(m, blend(0.43, 0.36, w), blend(BOX, 1.0 + 0.16 * m.style, w))
    grip = np.array([[-0.06, 0.05, BOX + 0.02], [-0.06, 0.05, -BOX - 0.02]])
    return skeleton(m, replace(p, wrists=box[:, None] + grip), (Thing("box", box),))


def push_left(m: Manner) -> Motion:
    """Facing the camera, the figure slides a box along a table towards its own right, which is the viewer's left."""
    z = blend(0.46, -0.46, m.progress) * min(m.reach, 1.05)
    p = Posture(hip_at(m, 0.0, STAND - 0.05, 0.5 * z), 0.2 + 0 * z, roll=0.1 * z, twist=0.35 * z, ankles=feet(m, 0.24))
    box = hip_at(m, 0.50, TABLE + BOX, z) - m.sway
    grip = np.array([[-0.10, 0.02, BOX + 0.02], [-0.10, 0.02, -BOX - 0.02]])
    return skeleton(m, replace(p, wrists=box[:, None] + grip), (Thing("table", hip_at(m, 0.52, 0.0) - m.sway), Thing("box", box)))


def raise_arms(m: Manner) -> Motion:
    p = Posture(hip_at(m, 0.0, STAND), 0.02 - 0.06 * m.progress)
    turn = blend(0.1, 2.75 + 0.25 * m.style, m.progress)
    wrists = shoulders(m, p) + (arm(0.1, turn) if m.style > 0.4 else arm(turn, 0.12))
    return skeleton(m, replace(p, wrists=wrists))


def bounce_ball(m: Manner) -> Motion:
    s = SIDES[m.side]
    u = (1.35 * m.rate * m.seconds + m.shift) % 1.0
    high = 0.66 + 0.1 * m.style
    y = BALL + high * 4 * u * (1 - u)
    dip = 0.04 * np.cos(2 * np.pi * u)
    p = Posture(hip_at(m, -0.06, STAND - 0.09 - dip * 0.5), 0.28 + dip, ankles=feet(m, 0.15, -0.1 * s))
    wrists = shoulders(m, p) + arm(0.2, 0.35)
    hand = np.maximum(y + BALL + 0.03, 0.45 + 0.5 * high)
    wrists[:, m.side] = hip_at(m, 0.31, hand + 0.03, 0.27 * s)
    return skeleton(m, replace(p, wrists=wrists), (Thing("ball", hip_at(m, 0.39, y, 0.27 * s) - m.sway),))


def throw_ball(m: Manner) -> Motion:
    s, q = SIDES[m.side], m.phase
    lean = keys(q, (0, 0.05), (0.38, -0.25), (0.6, 0.3), (1, 0.1))
    twist = -s * keys(q, (0, 0.0), (0.38, -0.7), (0.6, 0.5), (1, 0.1))
    hip = hip_at(m, keys(q, (0, 0.0), (0.38, -0.12), (0.6, 0.12), (1, 0.05)), STAND - 0.07)
    p = Posture(hip, lean, twist=twist, ankles=feet(m, 0.11, -0.2 * s), lift=0.0)
    mine = keys(q, (0, (0.30, -0.2, -0.1)), (0.36, (-0.26, 0.28, 0.16)), (0.42, (-0.28, 0.32, 0.12)), (0.54, (0.38, 0.28, 0.0)),
                (0.72, (0.34, -0.28, -0.15)), (1, (0.12, -0.48, 0.03)))  # fmt: skip
    other = keys(q, (0, (0.28, -0.22, 0.1)), (0.38, (0.46, 0.05, 0.05)), (0.6, (-0.1, -0.45, 0.12)), (1, (0.05, -0.5, 0.06)))
    wrists = shoulders(m, p)
    wrists[:, m.side] += mine * [1, 1, s]
    wrists[:, 1 - m.side] += other * [1, 1, -s]
    elbows = np.array([[-0.2, -0.5, 0.6], [-0.2, -0.5, -0.6]])
    motion = skeleton(m, replace(p, wrists=wrists, elbows=elbows))
    hand = motion.points["hands"][:, m.side]
    ball = hand + 0.10 * unit(hand - motion.points["elbows"][:, m.side])
    free = int(np.searchsorted(q, 0.53))
    if free < len(q):
        t = (m.seconds - m.seconds[free])[free:]
        height = ball[free, 1] + 1.0 * t - 4.9 * t**2
        ball[free:] = ball[free] + (3.6 + 1.2 * m.style) * t[:, None] * [1, 0, 0]
        ball[free:, 1] = BALL + np.abs(height - BALL) * np.where(height < BALL, 0.5, 1)
    return replace(motion, things=(Thing("ball", ball),))


def lift_barbell(m: Manner) -> Motion:
    q = m.phase
    hip = hip_at(
        m,
        keys(q, (0, -0.30), (0.28, 0.0)),
        keys(q, (0, 0.42), (0.28, STAND), (0.36, STAND - 0.12), (0.48, STAND), (0.58, STAND - 0.1), (0.68, STAND)),
    )
    lean = keys(q, (0, 0.98), (0.30, 0.0))
    bar = keys(q, (0, (0.20, PLATE, 0)), (0.22, (0.18, 0.78, 0)), (0.42, (0.17, 1.36, 0)), (0.58, (0.17, 1.33, 0)), (0.78, (0.03, 1.93, 0))) + m.sway
    grip = np.array([[0, -0.03, 0.29], [0, -0.03, -0.29]])
    pole = np.array([[0.35, -0.7, 0.5], [0.35, -0.7, -0.5]])
    p = Posture(hip, lean, wrists=bar[:, None] + grip, ankles=feet(m, 0.15), knees=np.array([[1, 0, 0.5], [1, 0, -0.5]]), elbows=pole)
    return skeleton(m, p, (Thing("barbell", bar),))


def wave(m: Manner) -> Motion:
    s = SIDES[m.side]
    up = keys(m.phase, (0.0, 0.0), (0.2, 1.0), (0.8, 1.0), (1.0, 0.0))
    swing = np.sin(2 * np.pi * (2.0 * m.rate * m.seconds + m.shift))
    p = Posture(hip_at(m, 0.0, STAND), 0.02 + 0 * up, roll=-0.05 * s * up)
    wrists = shoulders(m, p) + arm(0.08, 0.12)
    high = np.array([0.08, 0.36 + 0.08 * m.style, 0.22 - 0.1 * m.style]) + swing[:, None] * np.array([0, -0.03, 0.17]) * m.reach
    wrists[:, m.side] = blend(wrists[:, m.side], shoulders(m, p)[:, m.side] + high * [1, 1, s], up[:, None])
    elbows = np.array([[-0.2, -0.6, 0.9], [-0.2, -0.6, -0.9]])
    return skeleton(m, replace(p, wrists=wrists, elbows=elbows))


def jumping_jack(m: Manner) -> Motion:
    turn = 2 * np.pi * (1.05 * m.rate * m.seconds + m.shift)
    c = 0.5 - 0.5 * np.cos(turn)
    hop = 0.09 * np.sin(turn) ** 2
    wide = blend(0.08, 0.34, c)
    ankles = feet(m) * [1, 1, 0] + wide[:, None, None] * SIDES[:, None] * [0, 0, 1] + hop[:, None, None] * [0, 1, 0]
    p = Posture(hip_at(m, 0.0, STAND - 0.075 * c - 0.02 + hop), 0.02 + 0 * c, ankles=ankles, lift=(hop * 4)[:, None])
    return skeleton(m, replace(p, wrists=shoulders(m, p) + arm(0.08, blend(0.15, 2.85, c))))


def squat(m: Manner) -> Motion:
    c = (0.5 - 0.5 * np.cos(2 * np.pi * (0.62 * m.rate * m.seconds + m.shift))) * min(m.reach, 1.0)
    p = Posture(hip_at(m, -0.30 * c, STAND - 0.48 * c), 0.72 * c, ankles=feet(m, 0.17), knees=np.array([[1, 0, 0.5], [1, 0, -0.5]]))
    return skeleton(m, replace(p, wrists=shoulders(m, p) + arm(0.1 + 1.4 * c, 0.08)))


def walk(m: Manner) -> Motion:
    beat, span = 0.88 * m.rate, float(m.seconds[-1] - m.seconds[0]) or 1.0
    stride = min(1.1 * min(m.reach, 1.1), 2.7 / (beat * span))
    middle = m.seconds - m.seconds.mean()
    cycle = (beat * m.seconds + m.shift)[:, None] + np.array([0.0, 0.5])
    whole, u = np.floor(cycle), cycle % 1.0
    swing = np.clip((u - 0.6) / 0.4, 0, 1)
    start = beat * m.seconds.mean() + m.shift
    place = stride * (whole - np.array([0.0, 0.5]) + 0.3 + smooth(swing) - start)
    ankles = np.stack([place, ANKLE + 0.13 * np.sin(np.pi * swing), SIDES * 0.08 + 0 * u], -1)
    bob = 0.018 * np.cos(4 * np.pi * cycle[:, 0] + 1.0)
    beat_arm = 0.5 * np.sin(2 * np.pi * (cycle - 0.05))
    p = Posture(hip_at(m, stride * beat * middle, STAND - 0.05 + bob), 0.06 + 0 * bob, twist=0.12 * np.sin(2 * np.pi * cycle[:, 0]), ankles=ankles,
                lift=0.9 * np.sin(np.pi * np.clip((u - 0.5) / 0.4, 0, 1)))  # fmt: skip
    reach = np.stack([arm(beat_arm[:, k], 0.12, 0.5)[:, k] for k in (0, 1)], 1)
    return skeleton(m, replace(p, wrists=shoulders(m, p) + reach))


def kick(m: Manner) -> Motion:
    s = SIDES[m.side]
    times = 2 if m.rate > 1.0 else 1
    q = np.where(m.phase < 1, (m.phase * times) % 1.0, 1.0)
    foot = keys(
        q,
        (0, (-0.05, ANKLE, 0.1)),
        (0.25, (-0.45, 0.34, 0.1)),
        (0.5, (0.74, 0.62 + 0.25 * m.style, 0.06)),
        (0.75, (0.15, 0.28, 0.1)),
        (1, (-0.05, ANKLE, 0.1)),
    )
    ankles = feet(m)
    ankles[:, m.side] = foot * [1, 1, s]
    lift = np.zeros(ankles.shape[:2])
    lift[:, m.side] = keys(q, (0, 0.0), (0.25, 0.9), (0.5, -0.5), (1, 0.0))
    lean = keys(q, (0, 0.03), (0.25, 0.18), (0.5, -0.3), (0.8, 0.05), (1, 0.03))
    p = Posture(hip_at(m, 0.0, STAND - 0.03), lean, ankles=ankles, lift=lift)
    swing = keys(q, (0, 0.1), (0.25, 0.5), (0.5, -0.5), (1, 0.1))
    wrists = shoulders(m, p) + arm(0.2, 0.5, 0.5)
    wrists[:, m.side] = shoulders(m, p)[:, m.side] + arm(swing, 0.45, 0.5)[:, m.side]
    return skeleton(m, replace(p, wrists=wrists))


@dataclass(frozen=True)
class Move:
    """An action as data: how it moves, between which yaws (rad, either sign) it is seen, which parts carry it, and whether it runs backwards."""

    motion: Callable[[Manner], Motion]
    yaw: tuple[float, float]
    carriers: tuple[str, ...]
    backwards: bool = False


MOVES: dict[str, Move] = {
    "sit_down": Move(sit_down, (0.2, 1.3), ("left_leg", "right_leg", "hips")),
    "stand_up": Move(sit_down, (0.2, 1.3), ("left_leg", "right_leg", "hips"), backwards=True),
    "lift_box": Move(lift_box, (0.2, 1.4), ("left_arm", "right_arm", "object")),
    "put_down_box": Move(lift_box, (0.2, 1.4), ("left_arm", "right_arm", "object"), backwards=True),
    "push_left": Move(push_left, (0.0, 0.7), ("left_arm", "right_arm", "object")),
    "push_right": Move(push_left, (0.0, 0.7), ("left_arm", "right_arm", "object"), backwards=True),
    "raise_arms": Move(raise_arms, (0.0, 1.1), ("left_arm", "right_arm")),
    "lower_arms": Move(raise_arms, (0.0, 1.1), ("left_arm", "right_arm"), backwards=True),
    "bounce_ball": Move(bounce_ball, (0.1, 1.3), ("side_arm", "object")),
    "throw_ball": Move(throw_ball, (0.5, 1.5), ("side_arm", "object")),
    "lift_barbell": Move(lift_barbell, (0.1, 1.2), ("left_arm", "right_arm", "object")),
    "wave": Move(wave, (0.0, 1.0), ("side_arm",)),
    "jumping_jack": Move(jumping_jack, (0.0, 0.9), ("left_arm", "right_arm", "left_leg", "right_leg")),
    "squat": Move(squat, (0.2, 1.4), ("left_leg", "right_leg", "hips")),
    "walk": Move(walk, (0.7, 1.6), ("left_leg", "right_leg")),
    "kick": Move(kick, (0.4, 1.5), ("side_leg",)),
}
