# SPDX-License-Identifier: BSD-3-Clause
"""Small folders in the layouts of other data sets, and the pose of their first camera."""

import json

import numpy as np
from helpers import encoded, fake_image_rgb
from scipy.spatial.transform import Rotation

PNG = encoded(fake_image_rgb(0))
# a camera that stands at (1, 2, 3) and looks along the scene's +x, with the scene's +z up
R_SCENE_CAMERA = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])
POSITION = np.array([1.0, 2.0, 3.0])


def pose_of(dataset, number=0):
    """The pose of a frame (4, 4)."""
    frame = dataset.frames[number]
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = Rotation.from_quat(frame.quat_xyzw).as_matrix(), frame.position
    return T


def write_transforms(folder, frames, **values):
    """A folder with transforms.json and a small picture for each frame; values are further keys of the file."""
    folder.mkdir()
    lens = {"fl_x": 60.0, "fl_y": 61.0, "cx": 32.5, "cy": 24.25, "w": 64, "h": 48}
    (folder / "transforms.json").write_text(json.dumps({**lens, **values, "frames": frames}))
    for frame in frames:
        if "\0" not in frame["file_path"]:
            (folder / frame["file_path"]).write_bytes(PNG)
    return folder
