"""Our desk. It has the measures of CALVIN's desk D (scaled as there by 0.8) and none of its files.

All positions are in the world frame, whose origin is below the middle of the desk, on the floor: x to the right,
y to the back, z up, [m].
"""

from __future__ import annotations

import math

from balanced_bc.simulation.shapes import Part, Shape, Triple

OAK: Triple = (0.80, 0.61, 0.42)
WALNUT: Triple = (0.55, 0.38, 0.25)
MAPLE: Triple = (0.88, 0.74, 0.56)
STEEL: Triple = (0.30, 0.31, 0.34)
RUBBER: Triple = (0.10, 0.10, 0.11)
GLASS: Triple = (0.93, 0.93, 0.95)
BULB_ON: Triple = (1.0, 0.85, 0.05)
LED_ON: Triple = (0.10, 0.85, 0.25)

HALF_WIDTH = 0.44
FRONT = -0.18
BACK = 0.18
TOP = 0.44
"""Height of the table's surface."""
TOP_THICKNESS = 0.04
BODY_BOTTOM = 0.30
HEIGHT = 0.648
"""Upper edge of the panel behind the table."""
PANEL_FOOT = 0.02
"""y at which the panel's face meets the table; it leans back by 30 degrees from the vertical."""
PANEL_ROLL = math.radians(60)
"""Roll of the frames of door and switch: their y runs up the panel's face, their z out of it."""
BAY_LEFT, BAY_RIGHT = -0.36, 0.16
"""The bay behind the sliding door, in x."""
LEAN = 0.12 / (HEIGHT - TOP)
"""How far the panel's face goes back per height."""

DRAWER_TRAVEL = 0.22
DRAWER_X = 0.18
DRAWER_HANDLE_Y = -0.25
"""Middle of the closed drawer's handle bar in y."""
DRAWER_HANDLE_Z = 0.36
"""Middle of the drawer's handle bar in z."""
DRAWER_FACE_Y = -0.18

SLIDER_TRAVEL = 0.28
SLIDER_ORIGIN: Triple = (-0.10, 0.075, 0.535)
SLIDER_HANDLE_X = 0.04
"""Middle of the closed door's handle in x; the handle moves to the left as the door opens."""
SLIDER_HANDLE_WIDTH = 0.04
SWITCH_TRAVEL = 0.088
BUTTON_TRAVEL = 0.02
BUTTON_CENTER = (-0.12, -0.12)


def _face_y(z: float) -> float:
    return PANEL_FOOT + (z - TOP) * LEAN


def _box(low: Triple, high: Triple, color: Triple, solid: bool = True) -> Shape:
    size = tuple(b - a for a, b in zip(low, high))
    x, y, z = (0.5 * (a + b) for a, b in zip(low, high))
    return Shape("box", size, (x, y, z), color, solid=solid)


def _panel(x_low: float, x_high: float, z_low: float, z_high: float, color: Triple) -> Shape:
    outline = ((_face_y(z_low), z_low), (BACK, z_low), (BACK, z_high), (_face_y(z_high), z_high))
    return Shape("prism", (x_low, x_high), (0.0, 0.0, 0.0), color, outline=outline)


def _legs() -> tuple[Shape, ...]:
    corners = [(x, y) for x in (-HALF_WIDTH, HALF_WIDTH - 0.04) for y in (FRONT, BACK - 0.032)]
    return tuple(_box((x, y, 0.0), (x + 0.04, y + 0.032, BODY_BOTTOM), WALNUT) for x, y in corners)


def _body() -> tuple[Shape, ...]:
    under = TOP - TOP_THICKNESS
    return (
        _box((-HALF_WIDTH, FRONT, BODY_BOTTOM), (-0.045, FRONT + 0.02, under), WALNUT),
        _box((0.405, FRONT, BODY_BOTTOM), (HALF_WIDTH, FRONT + 0.02, under), WALNUT),
        _box((-HALF_WIDTH, FRONT + 0.02, BODY_BOTTOM), (-HALF_WIDTH + 0.02, BACK, under), WALNUT),
        _box((HALF_WIDTH - 0.02, FRONT + 0.02, BODY_BOTTOM), (HALF_WIDTH, BACK, under), WALNUT),
        _box((-HALF_WIDTH + 0.02, BACK - 0.02, BODY_BOTTOM), (HALF_WIDTH - 0.02, BACK, under), WALNUT),
    )


def _panels() -> tuple[Shape, ...]:
    return (
        _panel(-HALF_WIDTH, BAY_LEFT, TOP, HEIGHT, WALNUT),
        _panel(BAY_RIGHT, HALF_WIDTH, TOP, HEIGHT, WALNUT),
        _panel(BAY_LEFT, BAY_RIGHT, HEIGHT - 0.02, HEIGHT, WALNUT),
        _box((BAY_LEFT, BACK - 0.02, TOP), (BAY_RIGHT, BACK, HEIGHT - 0.02), WALNUT),
    )


def fixed() -> Part:
    """What of the desk never moves nor changes."""
    rim = Shape("cylinder", (0.04, 0.014), (*BUTTON_CENTER, TOP + 0.007), WALNUT)
    table = _box((-HALF_WIDTH, FRONT, TOP - TOP_THICKNESS), (HALF_WIDTH, BACK, TOP), OAK)
    return Part("desk", (table, *_legs(), *_body(), *_panels(), rim))


def _drawer() -> Part:
    face, bar = DRAWER_FACE_Y, DRAWER_HANDLE_Y
    posts = tuple(
        _box((x - 0.012, bar, DRAWER_HANDLE_Z - 0.02), (x + 0.012, face, DRAWER_HANDLE_Z + 0.02), STEEL)
        for x in (-0.108, 0.108)
    )
    return Part(
        "drawer",
        (
            _box((-0.22, face, 0.305), (0.22, face + 0.02, 0.395), MAPLE),
            _box((-0.20, face + 0.02, 0.315), (0.20, 0.06, 0.325), OAK),
            _box((-0.20, face + 0.02, 0.325), (-0.19, 0.06, 0.38), OAK),
            _box((0.19, face + 0.02, 0.325), (0.20, 0.06, 0.38), OAK),
            _box((-0.12, bar - 0.01, DRAWER_HANDLE_Z - 0.02), (0.12, bar + 0.01, DRAWER_HANDLE_Z + 0.02), STEEL),
            *posts,
        ),
        origin=(DRAWER_X, 0.0, 0.0),
        axis=(0.0, -1.0, 0.0),
        travel=DRAWER_TRAVEL,
    )


def _slider() -> Part:
    middle, half = SLIDER_HANDLE_X - SLIDER_ORIGIN[0], 0.5 * SLIDER_HANDLE_WIDTH
    left, right = middle - half, middle + half
    return Part(
        "slider",
        (
            _box((0.0, -0.112, 0.001), (0.28, 0.112, 0.021), MAPLE),
            _box((left, -0.08, 0.058), (right, 0.08, 0.08), STEEL),
            _box((left, -0.08, 0.021), (right, -0.058, 0.058), STEEL),
            _box((left, 0.058, 0.021), (right, 0.08, 0.058), STEEL),
        ),
        origin=SLIDER_ORIGIN,
        axis=(-1.0, 0.0, 0.0),
        travel=SLIDER_TRAVEL,
        roll=PANEL_ROLL,
    )


def _switch() -> Part:
    stems = tuple(_box((x - 0.01, -0.004, -0.007), (x + 0.01, 0.028, 0.03), STEEL) for x in (-0.05, 0.05))
    return Part(
        "switch",
        (*stems, _box((-0.06, -0.004, 0.03), (0.06, 0.028, 0.056), STEEL)),
        origin=(0.30, _face_y(0.495), 0.495),
        axis=(0.0, 1.0, 0.0),
        travel=SWITCH_TRAVEL,
        roll=PANEL_ROLL,
    )


def _button() -> Part:
    cap = Shape("cylinder", (0.032, 0.024), (0.0, 0.0, 0.0), RUBBER)
    return Part("button", (cap,), origin=(*BUTTON_CENTER, TOP + 0.032), axis=(0.0, 0.0, -1.0), travel=BUTTON_TRAVEL)


def lights() -> tuple[Part, Part]:
    """Light bulb and LED, which only change their colors."""
    bulb = Part("lightbulb", (Shape("sphere", (0.03,), (0.30, 0.16, HEIGHT + 0.022), GLASS),))
    led = Part("led", (_box((-0.20, 0.14, HEIGHT), (-0.04, 0.18, HEIGHT + 0.016), GLASS),))
    return bulb, led


def moving() -> tuple[Part, ...]:
    """Sliding door, drawer, switch and button."""
    return _slider(), _drawer(), _switch(), _button()


def immovable() -> Part:
    """Everything that does not move, in one part."""
    return Part("desk", tuple(shape for part in (fixed(), *lights()) for shape in part.shapes))


def mounted(part: Part) -> tuple[Part, Part]:
    """A moving part on a base of its own."""
    return Part("mount", ()), part


def pedestal(position: Triple) -> tuple[Part, ...]:
    """What the robot stands on.

    Args:
        position: Base of the robot in the world frame, [m].
    """
    x, y, z = position
    return (Part("pedestal", (Shape("cylinder", (0.12, z), (x - 0.04, y, 0.5 * z), STEEL, solid=False),)),)
