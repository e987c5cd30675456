# SPDX-License-Identifier: BSD-3-Clause
"""How exact `reloc survey` is: photographs of a painted corner of a room, with tags on its floor, surveyed anew.

    PYTHONPATH=. python benchmarks/survey.py [--pictures 24] [--features 2000] [--known-lens]
    PYTHONPATH=. python benchmarks/survey.py --pictures 8 --features 800 --seed 1

prints the errors of the poses beside what the survey says of them itself. With --seed pictures are taken from other
places, and are blurred, noisy and too bright or dark, as that says. A test draws the room too.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.mapping.survey.alignment import similarity_between

CAMERA = CameraIntrinsics(480, 360, 430.0, 430.0, 239.5, 179.5)
DICTIONARY, TAG_M, PIXELS_PER_M, SIDE_M = "DICT_4X4_50", 0.3, 300, 2.4
# where planes of the room lie: their corner, and the directions of their pictures' columns and rows
FLOOR = (np.array([-1.2, 1.2, 0.0]), np.array([1.0, 0, 0]), np.array([0, -1.0, 0]))
BACK = (np.array([-1.2, 1.2, 1.6]), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]))
RIGHT = (np.array([1.2, 1.2, 1.6]), np.array([0, -1.0, 0]), np.array([0, 0, -1.0]))


def painted(seed, height_m):
    rng = np.random.default_rng(seed)
    size = (round(SIDE_M * PIXELS_PER_M), round(height_m * PIXELS_PER_M))
    noise = sum(
        cv2.resize(rng.normal(size=(n * 3 // 4, n)), size, interpolation=cv2.INTER_CUBIC) for n in (15, 50, 140)
    )
    return np.clip(127.5 + 45 * noise, 0, 255).astype(np.uint8)


def floor_with_tags():
    """Tag 3 in the middle of the floor, tag 7 beside it, with white margins; their rows run along the floor's."""
    floor, side = painted(0, SIDE_M), round(TAG_M * PIXELS_PER_M)
    tags = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, DICTIONARY))
    draw = getattr(cv2.aruco, "generateImageMarker", None) or cv2.aruco.drawMarker
    middle = floor.shape[0] // 2
    for number, (x, y) in {3: (middle, middle), 7: (middle - 200, middle + 120)}.items():
        top, left = y - side // 2, x - side // 2
        floor[top - 20 : top + side + 20, left - 20 : left + side + 20] = 255
        floor[top : top + side, left : left + side] = draw(tags, number, side)
    return floor


def view(T_world_camera, planes):
    """The picture of a camera, drawn at twice its size, so that edges are smooth."""
    size = (2 * CAMERA.width, 2 * CAMERA.height)
    image = np.full(size[::-1], 127, np.uint8)
    # from the middles of pixels to those of pixels half as large
    double = np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]])
    for picture, (corner, columns, rows) in planes:
        to_world = np.eye(4)[:, [0, 1, 3]]
        # pixel centres lie at halves of the painted picture
        to_world[:3] = np.column_stack([columns, rows, corner * PIXELS_PER_M + 0.5 * (columns + rows)]) / PIXELS_PER_M
        homography = double @ CAMERA.matrix @ invert(T_world_camera)[:3] @ to_world
        seen = cv2.warpPerspective(np.full_like(picture, 255), homography, size, flags=cv2.INTER_NEAREST)
        image = np.where(seen > 0, cv2.warpPerspective(picture, homography, size, flags=cv2.INTER_LINEAR), image)
    return cv2.resize(image, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_AREA)


def looking_at(position, target):
    ahead = (target - position) / np.linalg.norm(target - position)
    right = np.cross(ahead, [0.0, 0, 1])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = np.column_stack([right, np.cross(ahead, right), ahead]), position
    return T


def photographs(folder: Path, count: int) -> dict[str, np.ndarray]:
    """Draw pictures into a folder; T_world_camera by their names, the world is tag 3's frame."""
    planes = [(floor_with_tags(), FLOOR), (painted(1, 1.6), BACK), (painted(2, 1.6), RIGHT)]
    truth = {}
    for number, angle in enumerate(np.linspace(-2.5, -1.9, count)):
        position = np.array([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.3 + 0.1 * (number % 3)])
        truth[f"p{number}.png"] = looking_at(position, np.array([0.2, 0.2, 0.3]))
        cv2.imwrite(str(folder / f"p{number}.png"), view(truth[f"p{number}.png"], planes))
    return truth


def snapshots(folder: Path, count: int, seed: int) -> dict[str, np.ndarray]:
    """The same of a camera in a hand: from other places, blurred, noisy, and with white paper overexposed or not."""
    rng = np.random.default_rng(seed)
    planes = [(floor_with_tags(), FLOOR), (painted(1, 1.6), BACK), (painted(2, 1.6), RIGHT)]
    blur_px, gain, first = rng.uniform(0.3, 1.0), rng.uniform(0.8, 1.3), rng.uniform(-2.6, -2.4)
    truth = {}
    for number, angle in enumerate(np.linspace(first, first + 0.7, count)):
        position = np.array([2.3 * np.cos(angle), 2.3 * np.sin(angle), 1.3 + 0.1 * (number % 3)])
        position += rng.normal(0, 0.1, 3)
        T_world_camera = looking_at(position, np.array([0.2, 0.2, 0.3]) + rng.normal(0, 0.05, 3))
        light = gain * cv2.GaussianBlur(view(T_world_camera, planes), (0, 0), blur_px).astype(float)
        noisy = light + rng.normal(0, 2, light.shape)
        cv2.imwrite(str(folder / f"p{number}.png"), np.clip(noisy, 0, 255).astype(np.uint8))
        truth[f"p{number}.png"] = T_world_camera
    return truth


def errors(dataset: Dataset, truth: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray, float]:
    """Metres and degrees of each frame (n,), and the relative error of the scale."""
    names = sorted(truth, key=lambda name: int(name[1:-4]))
    T_truth = np.array([truth[names[frame.number]] for frame in dataset.frames])
    T_found = np.array([frame.pose.matrix for frame in dataset.frames])
    metres = np.linalg.norm(T_found[:, :3, 3] - T_truth[:, :3, 3], axis=1)
    turns = Rotation.from_matrix(np.swapaxes(T_found[:, :3, :3], 1, 2) @ T_truth[:, :3, :3])
    scale = similarity_between(T_truth[:, :3, 3], T_found[:, :3, 3]).scale
    return metres, np.degrees(turns.magnitude()), scale - 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--features", type=int, default=2000)
    parser.add_argument("--known-lens", action="store_true", help="give the intrinsics instead of having them found")
    parser.add_argument("--seed", type=int, help="take the pictures by hand, as this says")
    arguments = parser.parse_args()
    from camera_relocalization_ros.pipelines.survey import Tags, survey

    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "photos"
        folder.mkdir()
        if arguments.seed is None:
            truth = photographs(folder, arguments.pictures)
        else:
            truth = snapshots(folder, arguments.pictures, arguments.seed)
        dataset = survey(
            folder,
            Path(work) / "set",
            tags=Tags(DICTIONARY, TAG_M),
            camera=CAMERA if arguments.known_lens else None,
            features=arguments.features,
        )
        metres, degrees, scale = errors(dataset, truth)
        print(f"{dataset.frame_count} of {len(truth)} pictures: median {100 * np.median(metres):.2f} cm ", end="")
        print(f"{np.median(degrees):.2f} deg, worst {100 * metres.max():.2f} cm, scale off by {100 * scale:+.2f} %")
        print(f"the survey says of itself: {dataset.sequences[0].info['survey']}")


if __name__ == "__main__":
    main()
