# SPDX-License-Identifier: BSD-3-Clause
"""What all pages share: their look, and pictures as text, for one HTML file that needs no other and no network."""

from __future__ import annotations

import base64
import io
from typing import Any

import cv2
import jinja2
import numpy as np
from matplotlib.figure import Figure

from camera_relocalization_ros.report.figures.canvas import write_png

STYLE = """body { font: 17px/1.5 sans-serif; max-width: 72rem; margin: 1.5rem auto; padding: 0 1rem; color: #222; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; border-top: 1px solid #ddd; padding-top: 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .35rem .7rem; border-bottom: 1px solid #e5e5e5; }
"""


def render_page(template: str, **values: Any) -> str:
    """The page; all values that come from data are escaped."""
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(**values)


def figure_source(figure: Figure) -> str:
    """A figure as the source of an img element."""
    buffer = io.BytesIO()
    write_png(figure, buffer)
    return data_source(buffer.getvalue(), "png")


def jpeg_source(image_bgr: np.ndarray, quality: int) -> str:
    """An image (H, W, 3) as the source of an img element."""
    return data_source(cv2.imencode(".jpg", image_bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes(), "jpeg")


def data_source(content: bytes, kind: str) -> str:
    """The bytes of a PNG or JPEG file ("png", "jpeg") as the source of an img element."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode("ascii")
