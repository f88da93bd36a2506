"""PyBullet: the one module that speaks to the physics engine."""

from __future__ import annotations

import ctypes
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from balanced_bc.simulation.cameras import Picture, View
from balanced_bc.simulation.errors import SimulationError


@contextmanager
def _hushed() -> Iterator[IO[bytes]]:
    """Catch what C code prints: pybullet says when it was built, and EGL what it is, to everybody."""
    flush = ctypes.CDLL(None).fflush
    flush(None)
    kept = [(stream, os.dup(stream)) for stream in (1, 2) if _is_open(stream)]
    with tempfile.TemporaryFile() as caught:
        for stream, _ in kept:
            os.dup2(caught.fileno(), stream)
        try:
            yield caught
        finally:
            flush(None)
            for stream, copy in kept:
                os.dup2(copy, stream)
                os.close(copy)


def _is_open(stream: int) -> bool:
    """Whether a file descriptor is open: a process may be started without."""
    try:
        os.fstat(stream)
    except OSError:
        return False
    return True


with _hushed():
    import pybullet

Floats = NDArray[np.float64]
Color = tuple[float, float, float]

PHYSICS_RATE = 240.0
"""Steps of the physics per second, [Hz]."""
POSITION_GAIN = 0.2
"""Share of a joint's position error that one physics step removes; the velocity is fed forward."""
_POSITION_GAINS, _VELOCITY_GAINS = (POSITION_GAIN,) * 16, (1.0,) * 16
STATIC_GROUP = 2
"""Collision group in which Bullet puts whatever is fixed."""
LIGHT_DIRECTION = (500.0, -700.0, 1200.0)
"""Direction toward the light in the world frame; the hardware renderer's shadows end nearer than that."""
AMBIENT = 0.75
"""Brightness of what no light falls on. The hardware renderer has this one built in, so the software takes it too."""


class Engine:
    """One client of PyBullet: bodies come in as URDF or boxes, positions and pictures come out."""

    def __init__(self, window: bool = False, hardware: bool = False) -> None:
        """Connect.

        Args:
            window: Whether a window shows the bodies.
            hardware: Whether a graphics card draws the pictures.

        Raises:
            SimulationError: PyBullet's plugin for graphics cards does not load.
        """
        self._client = pybullet.connect(pybullet.GUI if window else pybullet.DIRECT)
        self.graphics = self._start_graphics() if hardware else ""

    def close(self) -> None:
        """Disconnect; a second call does nothing."""
        if self._client >= 0:
            with self._quiet():
                pybullet.disconnect(physicsClientId=self._client)
            self._client = -1

    def clear(self) -> None:
        """Remove every body and everything that the solver remembers."""
        self._call("resetSimulation")
        self._call("setPhysicsEngineParameter", fixedTimeStep=1 / PHYSICS_RATE, deterministicOverlappingPairs=1)
        self._call("setGravity", 0, 0, -9.81)

    def load(self, urdf: Path, position: Sequence[float] = (0.0, 0.0, 0.0)) -> int:
        """Load a body with joints, whose base is fixed at `position`, [m]."""
        body: int = self._call("loadURDF", str(urdf), position, useFixedBase=True)
        if self.graphics:
            for link in range(-1, self._call("getNumJoints", body)):
                self._call("changeVisualShape", body, link, specularColor=(0, 0, 0))
        return body

    def load_rigid(self, urdf: Path) -> int:
        """Load a body of one part that never moves; contacts with it are solved in half the time."""
        body: int = self._call("loadURDF", str(urdf), useFixedBase=True, useMaximalCoordinates=True)
        return body

    def links(self, body: int) -> dict[str, int]:
        """Names of a body's joints and their indices; a fixed part is a joint as well."""
        count = self._call("getNumJoints", body)
        return {self._call("getJointInfo", body, index)[1].decode(): index for index in range(count)}

    def add_block(self, edges: Sequence[float], mass: float, friction: float) -> int:
        """Add a box that moves freely and is not drawn.

        Args:
            edges: Lengths of its edges, [m].
            mass: [kg].
            friction: Coefficient of friction.
        """
        solid = self._call("createCollisionShape", pybullet.GEOM_BOX, halfExtents=[0.5 * edge for edge in edges])
        body: int = self._call("createMultiBody", mass, solid, useMaximalCoordinates=True)
        self._call("changeDynamics", body, -1, lateralFriction=friction, spinningFriction=0.002)
        return body

    def pass_through_fixed(self, body: int) -> None:
        """Let a body slide through whatever is fixed, as drawers do whose frames have no play."""
        for link in range(-1, self._call("getNumJoints", body)):
            self._call("setCollisionFilterGroupMask", body, link, STATIC_GROUP, ~STATIC_GROUP)

    def set_friction(self, body: int, link: int, sliding: float, spinning: float) -> None:
        """Set a link's coefficients of friction."""
        self._call("changeDynamics", body, link, lateralFriction=sliding, spinningFriction=spinning)

    def couple(self, body: int, left: int, right: int) -> None:
        """Make two joints mirror each other, as a gear does."""
        origin = (0, 0, 0)
        gear = self._call("createConstraint", body, left, body, right, pybullet.JOINT_GEAR, (1, 0, 0), origin, origin)
        self._call("changeConstraint", gear, gearRatio=-1, erp=0.1, maxForce=50)

    def place_body(self, body: int, position: Sequence[float] | Floats, quaternion: Sequence[float] | Floats) -> None:
        """Put a free body somewhere, at rest."""
        self._call("resetBasePositionAndOrientation", body, position, quaternion)

    def place_joint(self, body: int, joint: int, position: float) -> None:
        """Put a joint somewhere, at rest."""
        self._call("resetJointState", body, joint, position)

    def place_joints(self, body: int, joints: Sequence[int], positions: Sequence[float]) -> None:
        """Put joints somewhere, at rest, in one call."""
        self._call("resetJointStatesMultiDof", body, joints, [(position,) for position in positions])

    def brake(self, body: int, joint: int, force: float) -> None:
        """Let a joint resist motion, like friction, with up to `force`, [N]."""
        self._call("setJointMotorControl2", body, joint, pybullet.VELOCITY_CONTROL, force=force)

    def drive(self, body: int, joint: int, position: float, force: float, speed: float = 1.0) -> None:
        """Send one joint to a position, [m], with limited force [N] and speed [m/s]."""
        self._call(
            "setJointMotorControl2", body, joint, pybullet.POSITION_CONTROL,
            targetPosition=position, force=force, maxVelocity=speed,
        )  # fmt: skip

    def track(
        self,
        body: int,
        joints: Sequence[int],
        positions: Sequence[float],
        velocities: Sequence[float],
        forces: Sequence[float],
    ) -> None:
        """Let joints follow a trajectory: positions [rad] with velocities [rad/s] fed forward, torques limited."""
        self._call(
            "setJointMotorControlArray", body, joints, pybullet.POSITION_CONTROL,
            targetPositions=positions, targetVelocities=velocities, forces=forces,
            positionGains=_POSITION_GAINS[: len(joints)], velocityGains=_VELOCITY_GAINS[: len(joints)],
        )  # fmt: skip

    def step(self) -> None:
        """Advance by one physics step."""
        pybullet.stepSimulation(self._client)

    def joint_positions(self, body: int, joints: Sequence[int]) -> Floats:
        """Positions of joints, [rad] or [m]."""
        return np.array([state[0] for state in self._call("getJointStates", body, joints)])

    def body_pose(self, body: int) -> tuple[Floats, Floats]:
        """Position [m] and quaternion x y z w of a body in the world frame."""
        position, quaternion = self._call("getBasePositionAndOrientation", body)
        return np.array(position), np.array(quaternion)

    def joint_position(self, body: int, joint: int) -> float:
        """Position of one joint, [rad] or [m]."""
        return float(self._call("getJointState", body, joint)[0])

    def link_pose(self, body: int, link: int) -> tuple[Floats, Floats]:
        """Position [m] and quaternion x y z w of a link's frame in the world frame."""
        state = self._call("getLinkState", body, link, computeForwardKinematics=True)
        return np.array(state[4]), np.array(state[5])

    def nearer_than(self, first: int, second: int, distance: float) -> bool:
        """Whether two bodies are nearer to each other than `distance`, [m]."""
        return bool(self._call("getClosestPoints", first, second, distance))

    def paint(self, body: int, link: int, color: Color, alpha: float = 1.0) -> None:
        """Color a link; the renderer skips what has an alpha of 0."""
        self._call("changeVisualShape", body, link, rgbaColor=(*color, alpha))

    def draw(self, view: View, height: int, width: int) -> Picture:
        """Draw what a camera sees, on one machine the same bits on every call."""
        with self._quiet():
            _, _, color, depth, mask = self._call(
                "getCameraImage", width, height, *self._matrices(view, height, width),
                lightDirection=LIGHT_DIRECTION, lightAmbientCoeff=AMBIENT, lightDiffuseCoeff=1 - AMBIENT,
                lightSpecularCoeff=0.0, shadow=0,
                renderer=pybullet.ER_BULLET_HARDWARE_OPENGL if self.graphics else pybullet.ER_TINY_RENDERER,
            )  # fmt: skip
        return Picture(
            np.asarray(color, np.uint8).reshape(height, width, 4),
            np.asarray(depth, np.float32).reshape(height, width),
            np.asarray(mask).reshape(height, width) >= 0,
        )

    def _matrices(self, view: View, height: int, width: int) -> tuple[Sequence[float], Sequence[float]]:
        lens = list(pybullet.computeProjectionMatrixFOV(view.field_of_view, width / height, view.near, view.far))
        if not self.graphics:
            # The software renderer looks through the corners of pixels and not, like OpenGL, through their middles.
            lens[8], lens[9] = 1 / width, 1 / height
        return pybullet.computeViewMatrix(view.eye, view.target, view.up), lens

    def _start_graphics(self) -> str:
        """Load the plugin that draws with EGL; what it draws with."""
        plugin = find_spec("eglRenderer")
        with _hushed() as caught:
            loaded = self._call("loadPlugin", plugin.origin, "_eglRendererPlugin") if plugin else -1
            caught.seek(0)
            said = caught.read().decode(errors="replace")
        if loaded < 0:
            raise SimulationError("PyBullet's plugin eglRenderer does not load; take the software renderer")
        name = re.search(r"GL_RENDERER=(.*)", said)
        return name[1].strip() if name else "an unnamed device"

    def _quiet(self) -> AbstractContextManager[object]:
        """The plugin prints when it likes to."""
        return _hushed() if self.graphics else nullcontext()

    def _call(self, function: str, *arguments: Any, **keywords: Any) -> Any:
        return getattr(pybullet, function)(*arguments, physicsClientId=self._client, **keywords)
