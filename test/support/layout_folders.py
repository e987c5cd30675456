# SPDX-License-Identifier: BSD-3-Clause
"""Small folders in the layouts of other data sets."""

import json

from helpers import encoded, fake_image_rgb

PNG = encoded(fake_image_rgb(0))


def write_transforms(folder, frames, **values):
    """A folder with transforms.json and a small picture for each frame; values are further keys of the file."""
    folder.mkdir()
    lens = {"fl_x": 60.0, "fl_y": 61.0, "cx": 32.5, "cy": 24.25, "w": 64, "h": 48}
    (folder / "transforms.json").write_text(json.dumps({**lens, **values, "frames": frames}))
    for frame in frames:
        if "\0" not in frame["file_path"]:
            (folder / frame["file_path"]).write_bytes(PNG)
    return folder
