# SPDX-License-Identifier: BSD-3-Clause
"""Files that we write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from camera_relocalization_ros.core.errors import RelocalizationError


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Write plain values as indented JSON, making the folder; raises RelocalizationError when that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise RelocalizationError(f"{path}: cannot be written ({error.strerror})") from error
