# SPDX-License-Identifier: BSD-3-Clause
"""An M100's smooth flight around the airframe, as exact functions of time: body, gimbal, camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from camera_relocalization_ros.aircraft.gimbal import GimbalFrames, gimbal_frames, joint_angles
from camera_relocalization_ros.simulation.arena_layout import FLIGHT_MAX, FLIGHT_MIN

GRAVITY_MPS2 = 9.81
# keeps the rotor disc (0.65 m) off the wing tips (1.25 m from the airframe's origin)
MIN_DISTANCE_M, MAX_DISTANCE_M = 1.9, 3.7
MIN_HEIGHT_M, MAX_HEIGHT_M = 0.7, 3.2
# how far from the airframe's middle the camera's aim strays; less upwards, where the image is narrower
LOOK_WANDER_M = np.array([1.2, 1.2, 0.7])
DIFFERENCE_S = 1e-3


@dataclass(frozen=True)
class Wave:
    """A sum of sinusoids with values within -1 and 1: amplitudes, angular frequencies (rad/s) and phases (k,)."""

    amplitudes: np.ndarray
    frequencies: np.ndarray
    phases: np.ndarray

    @classmethod
    def random(cls, rng: np.random.Generator, slow: float, fast: float, count: int = 3) -> Wave:
        """Frequencies between slow and fast rad/s."""
        amplitudes = rng.uniform(0.5, 1.0, count)
        return cls(amplitudes / amplitudes.sum(), rng.uniform(slow, fast, count), rng.uniform(0, 2 * np.pi, count))

    def at(self, t_s: np.ndarray) -> np.ndarray:
        """Values (N,) at times (N,)."""
        return np.sin(np.multiply.outer(t_s, self.frequencies) + self.phases) @ self.amplitudes


@dataclass(frozen=True)
class Flight:
    """The flight around an airframe at T_map_airframe (4, 4); all methods take seconds (N,) since its start."""

    T_map_airframe: np.ndarray
    azimuth_start: float
    azimuth_rate: float
    waves: dict[str, Wave]

    @classmethod
    def random(cls, T_map_airframe: np.ndarray, seed: int) -> Flight:
        """A flight that circles the airframe once in about 35 s, in and out, up and down; same seed, same flight."""
        rng = np.random.default_rng([seed, 7])
        names = ("azimuth", "distance", "height", "yaw", "look_x", "look_y", "look_z")
        waves = {name: Wave.random(rng, 0.1, 0.35) for name in names}
        rate = rng.choice([-1.0, 1.0]) * rng.uniform(0.15, 0.21)
        return cls(T_map_airframe, rng.uniform(0, 2 * np.pi), rate, waves)

    def body_positions(self, t_s: np.ndarray) -> np.ndarray:
        """Positions (N, 3) of the M100 in the map."""
        azimuth = self.azimuth_start + self.azimuth_rate * t_s + 0.4 * self.waves["azimuth"].at(t_s)
        distance = _between(MIN_DISTANCE_M, MAX_DISTANCE_M, 1.6 * self.waves["distance"].at(t_s))
        height = _between(MIN_HEIGHT_M, MAX_HEIGHT_M, 2.0 * self.waves["height"].at(t_s))
        centre = self.T_map_airframe[:2, 3]
        wanted = centre + distance[:, None] * np.stack([np.cos(azimuth), np.sin(azimuth)], axis=1)
        return np.column_stack([_squeeze(wanted, np.array(FLIGHT_MIN), np.array(FLIGHT_MAX)), height])

    def T_map_body(self, t_s: np.ndarray) -> np.ndarray:
        """Poses (N, 4, 4) of the M100: it tilts into its acceleration, and its nose follows the airframe loosely."""
        t_s = np.atleast_1d(t_s)
        before, now, after = (self.body_positions(t_s + dt) for dt in (-DIFFERENCE_S, 0.0, DIFFERENCE_S))
        acceleration = (before - 2 * now + after) / DIFFERENCE_S**2
        up = _unit(acceleration + np.array([0.0, 0.0, GRAVITY_MPS2]))
        to_airframe = self.T_map_airframe[:3, 3] - now
        heading = np.arctan2(to_airframe[:, 1], to_airframe[:, 0]) + 0.35 * self.waves["yaw"].at(t_s)
        nose = np.stack([np.cos(heading), np.sin(heading), np.zeros_like(heading)], axis=1)
        left = _unit(np.cross(up, nose))
        return _poses(np.stack([np.cross(left, up), left, up], axis=2), now)

    def gimbal(self, t_s: np.ndarray) -> GimbalFrames:
        """The gimbal's frames: it holds the horizon and looks near the airframe, not at its middle."""
        T_map_body = self.T_map_body(t_s)
        R_body_link = np.swapaxes(T_map_body[:, :3, :3], 1, 2) @ self.R_map_link(t_s)
        return gimbal_frames(*joint_angles(R_body_link))

    def R_map_link(self, t_s: np.ndarray) -> np.ndarray:
        """Rotations (N, 3, 3) of the camera link (x forward, y left, z up) in the map."""
        t_s = np.atleast_1d(t_s)
        offset = LOOK_WANDER_M * np.stack([self.waves[f"look_{axis}"].at(t_s) for axis in "xyz"], axis=1)
        forward = _unit(self.T_map_airframe[:3, 3] + offset - self.body_positions(t_s))
        left = _unit(np.cross([0.0, 0.0, 1.0], forward))
        return np.stack([forward, left, np.cross(forward, left)], axis=2)

    def T_map_camera(self, t_s: np.ndarray) -> np.ndarray:
        """Poses (N, 4, 4) of the camera's optical frame."""
        return self.T_map_body(t_s) @ self.gimbal(t_s).T_body_optical()


def _between(low: float, high: float, wave: np.ndarray) -> np.ndarray:
    """Values within low and high, most of the range used."""
    return 0.5 * (low + high) + 0.5 * (high - low) * np.tanh(wave)


def _squeeze(positions: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Positions pushed smoothly within low and high; almost unchanged where they lie well inside."""
    half = 0.5 * (high - low)
    relative = (positions - 0.5 * (low + high)) / half
    return 0.5 * (low + high) + half * relative / (1.0 + relative**8) ** 0.125


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def _poses(R_n33: np.ndarray, positions_n3: np.ndarray) -> np.ndarray:
    T_n44 = np.zeros((len(R_n33), 4, 4))
    T_n44[:, :3, :3], T_n44[:, :3, 3], T_n44[:, 3, 3] = R_n33, positions_n3, 1.0
    return T_n44
