# SPDX-License-Identifier: BSD-3-Clause
"""A recorded flight as plain data: everything an M100's bag holds, with exact stamps; knows no ROS."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Iterator

import numpy as np

from camera_relocalization_ros.aircraft.dji import dji_gimbal_angles
from camera_relocalization_ros.aircraft.placements import T_map_airframe
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import SimulationError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.simulation.flight import Flight, Wave
from camera_relocalization_ros.simulation.renderer import Renderer
from camera_relocalization_ros.simulation.sensor import Sensor, Shot
from camera_relocalization_ros.simulation.world import ARENA, World

# 2017-06-01 12:00 UTC, plus a day per placement and an hour per seed, so that no two flights share stamps
START_NS = 1_496_318_400_000_000_000
TF_RATE_HZ, ATTITUDE_RATE_HZ, GIMBAL_RATE_HZ, GPS_RATE_HZ = 120, 100, 50, 10
TF_MARGIN_S = 0.3


@dataclass(frozen=True)
class FlightPlan:
    """What decides a recording: placement 1 to 6, seconds, images per second, seeds, image width in pixels, world."""

    placement: int
    duration_s: float
    rate_hz: float
    seed: int
    arena_seed: int = 0
    width: int = 1280
    world: World = ARENA

    def __post_init__(self) -> None:
        for name in ("duration_s", "rate_hz"):
            if not 0 < getattr(self, name) < 1e5:
                raise SimulationError(f"{name} is {getattr(self, name)}; expected a positive number")
        if not 64 <= self.width <= 4096 or self.width % 16:
            raise SimulationError(f"width is {self.width}; expected a multiple of 16 from 64 to 4096")
        if self.seed < 0 or self.arena_seed < 0:
            raise SimulationError(f"seeds {self.seed}, {self.arena_seed}; expected numbers from 0 up")

    @property
    def start_ns(self) -> int:
        """Stamp of the flight's time 0."""
        return START_NS + (24 * self.placement + self.seed % 10_000) * 3_600_000_000_000

    @property
    def camera(self) -> CameraIntrinsics:
        """The world's camera at the chosen width, 16:9."""
        return self.world.camera.intrinsics.scaled(self.width, self.width * 9 // 16)


class Recording:
    """The flight of a plan, sampled as the aircraft's sensors would."""

    def __init__(self, plan: FlightPlan) -> None:
        self.plan = plan
        self.T_map_airframe = T_map_airframe(plan.placement)
        self.flight = Flight.random(self.T_map_airframe, plan.seed)

    def image_stamps_ns(self) -> np.ndarray:
        """Mid-exposure stamps (N,) of the images."""
        count = max(int(round(self.plan.duration_s * self.plan.rate_hz)), 1)
        return self.plan.start_ns + np.round(np.arange(count) * 1e9 / self.plan.rate_hz).astype(np.int64)

    def stamps_ns(self, rate_hz: float) -> np.ndarray:
        """Stamps of a sensor with its own rate, from a little before the first image to a little after the last."""
        first = -TF_MARGIN_S
        count = int((self.plan.duration_s + 2 * TF_MARGIN_S) * rate_hz) + 1
        return self.plan.start_ns + np.round((first + np.arange(count) / rate_hz) * 1e9).astype(np.int64)

    def seconds(self, stamps_ns: np.ndarray) -> np.ndarray:
        """Flight time of stamps."""
        return (np.asarray(stamps_ns) - self.plan.start_ns) * 1e-9

    def transforms(self, stamps_ns: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
        """Transforms (N, 4, 4) by (parent, child): motion capture and gimbal joints."""
        t_s = self.seconds(stamps_ns)
        gimbal = self.flight.gimbal(t_s)
        return {
            ("map", "M100/base_link"): self.flight.T_map_body(t_s),
            ("map", "wing/base_link"): np.broadcast_to(self.T_map_airframe, (len(t_s), 4, 4)),
            ("M100/base_link", "M100/gimbal_yaw"): gimbal.T_body_yaw,
            ("M100/gimbal_yaw", "M100/gimbal_roll"): gimbal.T_yaw_roll,
            ("M100/gimbal_roll", "M100/gimbal_pitch"): gimbal.T_roll_pitch,
            ("M100/gimbal_pitch", "M100/camera_link"): gimbal.T_pitch_link,
        }

    def attitudes(self, stamps_ns: np.ndarray) -> np.ndarray:
        """Quaternions (N, 4): body FLU in ENU; the map's axes are taken as east, north, up."""
        return position_quat(self.flight.T_map_body(self.seconds(stamps_ns)))[1]

    def gimbal_angles_deg(self, stamps_ns: np.ndarray) -> np.ndarray:
        """Roll, pitch, yaw (N, 3) in degrees, NED, rounded to a tenth as DJI does."""
        R_map_link = self.flight.R_map_link(self.seconds(stamps_ns))
        return np.round(np.degrees(dji_gimbal_angles(R_map_link)), 1)

    def body_positions(self, stamps_ns: np.ndarray) -> np.ndarray:
        """Positions (N, 3) of the M100 in the map."""
        return self.flight.body_positions(self.seconds(stamps_ns))

    def images(self) -> Iterator[tuple[int, np.ndarray]]:
        """Stamp and JPEG (bytes as a uint8 array) of every image, in order; drawing and encoding overlap."""
        plan = self.plan
        renderer = Renderer(plan.camera, self.T_map_airframe, plan.arena_seed, plan.seed, plan.world)
        sensor = Sensor.random(plan.camera, plan.seed, plan.world.camera)
        stamps_ns = self.image_stamps_ns()
        T_map_camera, shots = self.flight.T_map_camera(self.seconds(stamps_ns)), self._shots(sensor)
        with ThreadPoolExecutor(1) as pool:
            waiting = None
            for row in range(len(stamps_ns)):
                sharp = renderer.render(T_map_camera[row])
                rng = np.random.default_rng([plan.seed, row, 19])
                job = pool.submit(sensor.expose, sharp, shots[row], rng)
                if waiting is not None:
                    yield int(stamps_ns[row - 1]), waiting.result()
                waiting = job
            assert waiting is not None  # a flight has at least one image
            yield int(stamps_ns[-1]), waiting.result()
        renderer.close()

    def _shots(self, sensor: Sensor) -> list[Shot]:
        """How each image was taken."""
        t_s, kind = self.seconds(self.image_stamps_ns()), self.plan.world.camera
        positions = self.flight.T_map_camera(t_s)[:, :3, 3]
        depths_m = np.linalg.norm(positions - self.T_map_airframe[:3, 3], axis=1)
        wave = Wave.random(np.random.default_rng([self.plan.seed, 37]), 0.3, 1.5)
        brightness = 1.0 + kind.exposure_swing * wave.at(t_s)
        moves = (self._motion(t_s, sensor.exposure_s), self._motion(t_s, kind.readout_s))
        return [Shot(*shot) for shot in zip(*moves, depths_m, brightness)]

    def _motion(self, t_s: np.ndarray, duration_s: float) -> np.ndarray:
        """From half the duration before to half of it after each time: the camera's motion (N, 4, 4)."""
        half_s = duration_s / 2
        return np.linalg.inv(self.flight.T_map_camera(t_s - half_s)) @ self.flight.T_map_camera(t_s + half_s)
