"""Bodies made of boxes, cylinders, spheres and prisms, written as URDF. Text; no physics engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from balanced_bc.simulation import meshes

Triple = tuple[float, float, float]
Element = ElementTree.Element
Side = Callable[[Element, "Shape", Path], None]
"""What adds a shape to a link, as it is touched or as it is seen; a mesh goes into the file."""

MOVING_MASS = 0.1
"""Mass of every moving part, [kg]; so small that the joint's friction of a few newton holds it up against gravity."""
MOVING_INERTIA = 0.001
"""Moment of inertia of every moving part about each axis, [kg m^2]; parts only slide, so it never matters."""


class Shape(NamedTuple):
    """One piece of a part, in the frame of the part.

    Attributes:
        kind: box, cylinder, sphere or prism.
        size: Edges of a box; radius and length of a cylinder; radius of a sphere; x low and x high of a prism, [m].
        center: Position, [m].
        color: Red, green and blue, each from 0 to 1.
        roll: Rotation about x, [rad].
        solid: Whether other bodies touch it, or it is only seen.
        outline: Convex polygon (y, z) of a prism, counterclockwise seen from +x, [m].
    """

    kind: str
    size: tuple[float, ...]
    center: Triple
    color: Triple
    roll: float = 0.0
    solid: bool = True
    outline: tuple[tuple[float, float], ...] = ()


class Part(NamedTuple):
    """A named piece of a body. Its joint has the same name; a part without travel is fixed.

    Attributes:
        name: Name of the part.
        shapes: What it is made of, in the part's frame.
        origin: Where the part's frame is when its joint is at 0, [m].
        axis: Direction in which it slides, in the part's frame.
        travel: Largest joint position, [m].
        roll: Rotation of the part's frame about x, [rad].
    """

    name: str
    shapes: tuple[Shape, ...]
    origin: Triple = (0.0, 0.0, 0.0)
    axis: Triple = (0.0, 0.0, 1.0)
    travel: float = 0.0
    roll: float = 0.0


def write_urdf(name: str, parts: Sequence[Part], folder: Path) -> Path:
    """Write a body as URDF for the physics, to be touched and not seen, and its prisms beside it.

    Args:
        name: Name of the body and of the file.
        parts: The first is the body's base, the others are attached to it.
        folder: Existing folder to write into.

    Returns:
        The URDF file.
    """
    return _write(name, parts, folder, _collision)


def write_seen_urdf(name: str, parts: Sequence[Part], folder: Path) -> Path:
    """Write a body as URDF for a stage, to be seen and not touched, and its meshes beside it.

    All shapes are drawn as meshes, for only those bring normals of their own to either renderer.

    Args:
        name: Name of the body and of the file.
        parts: The first is the body's base, the others are attached to it.
        folder: Existing folder to write into.

    Returns:
        The URDF file.
    """
    return _write(name, parts, folder, _visual)


def _write(name: str, parts: Sequence[Part], folder: Path, side: Side) -> Path:
    robot = Element("robot", name=name)
    for part in parts:
        robot.append(_link(part, folder, side))
    for part in parts[1:]:
        robot.append(_joint(part, parts[0].name))
    path = folder / f"{name}.urdf"
    path.write_text(ElementTree.tostring(robot, encoding="unicode"), encoding="utf-8")
    return path


def _numbers(values: Sequence[float]) -> str:
    return " ".join(f"{value:.9g}" for value in values)


def _child(parent: Element, tag: str, **attributes: str) -> Element:
    return ElementTree.SubElement(parent, tag, attributes)


def _link(part: Part, folder: Path, side: Side) -> Element:
    link = Element("link", name=part.name)
    inertial = _child(link, "inertial")
    _child(inertial, "mass", value=str(MOVING_MASS if part.travel else 0.0))
    moment = str(MOVING_INERTIA)
    _child(inertial, "inertia", ixx=moment, iyy=moment, izz=moment, ixy="0", ixz="0", iyz="0")
    for index, shape in enumerate(part.shapes):
        side(link, shape, folder / f"{part.name}_{index}.obj")
    return link


def _visual(link: Element, shape: Shape, mesh: Path) -> None:
    visual = _placed(link, "visual", shape)
    _mesh(_child(visual, "geometry"), shape, mesh)
    material = _child(visual, "material", name="color " + _numbers(shape.color))
    _child(material, "color", rgba=_numbers((*shape.color, 1.0)))


def _collision(link: Element, shape: Shape, mesh: Path) -> None:
    if not shape.solid:
        return
    geometry = _child(_placed(link, "collision", shape), "geometry")
    if shape.kind == "box":
        _child(geometry, "box", size=_numbers(shape.size))
    elif shape.kind == "cylinder":
        _child(geometry, "cylinder", radius=_numbers(shape.size[:1]), length=_numbers(shape.size[1:]))
    elif shape.kind == "sphere":
        _child(geometry, "sphere", radius=_numbers(shape.size))
    else:
        _mesh(geometry, shape, mesh)


def _placed(link: Element, tag: str, shape: Shape) -> Element:
    element = _child(link, tag)
    _child(element, "origin", xyz=_numbers(shape.center), rpy=_numbers((shape.roll, 0.0, 0.0)))
    return element


def _mesh(geometry: Element, shape: Shape, path: Path) -> None:
    path.write_text(_mesh_text(shape), encoding="utf-8")
    _child(geometry, "mesh", filename=str(path))


@lru_cache(maxsize=64)
def _mesh_text(shape: Shape) -> str:
    if shape.kind == "box":
        return meshes.wavefront(meshes.box(*shape.size))
    if shape.kind == "cylinder":
        return meshes.wavefront(meshes.cylinder(*shape.size))
    if shape.kind == "sphere":
        return meshes.wavefront(meshes.sphere(*shape.size))
    return meshes.wavefront(meshes.prism(shape.outline, *shape.size))


def _joint(part: Part, base: str) -> Element:
    joint = Element("joint", name=part.name, type="prismatic" if part.travel else "fixed")
    _child(joint, "parent", link=base)
    _child(joint, "child", link=part.name)
    _child(joint, "origin", xyz=_numbers(part.origin), rpy=_numbers((part.roll, 0.0, 0.0)))
    _child(joint, "axis", xyz=_numbers(part.axis))
    _child(joint, "limit", lower="0", upper=_numbers((part.travel,)), effort="100", velocity="2")
    return joint
