# SPDX-License-Identifier: BSD-3-Clause
"""Frames of a video file, by PyAV (FFmpeg), as they are stored: a player's turn is not applied."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator, NamedTuple

import av
import cv2
import numpy as np

from camera_relocalization_ros.core.errors import DatasetError

JPEG_QUALITY = 95


class VideoFrame(NamedTuple):
    """Its number in the video, nanoseconds since the first frame, and the picture (H, W, 3) as BGR."""

    number: int
    time_ns: int
    image_bgr: np.ndarray

    def jpeg(self) -> bytes:
        """The picture as the bytes of a JPEG file."""
        return bytes(cv2.imencode(".jpg", self.image_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1])


def video_frames(path: Path, period_s: float = 0.0) -> Iterator[VideoFrame]:
    """The frames of a video, or one every period_s, in the order in which they are shown.

    Times are those that the file says for each frame, not counted by a rate. Raises DatasetError for what is no video,
    and where one breaks off after no frame; what follows a damaged place is lost.
    """
    if not path.is_file():
        raise DatasetError(f"{path}: no such file; expected a video")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DatasetError(f"{path}: no video in it")
            yield from _shown(container, round(period_s * 1e9))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise DatasetError(f"{path}: no video that FFmpeg reads ({error})") from error


def _shown(container: av.container.InputContainer, period_ns: int) -> Iterator[VideoFrame]:
    first_ns, last_ns, next_ns = None, -1, 0
    for number, frame in enumerate(container.decode(video=0)):
        if frame.pts is None or frame.time_base is None:
            continue
        shown_ns = round(frame.pts * frame.time_base * 1_000_000_000)
        first_ns = shown_ns if first_ns is None else first_ns
        time_ns = shown_ns - first_ns
        # a frame that is said to be shown before the last one has no time that can be used
        if time_ns <= last_ns or time_ns < next_ns:
            continue
        yield VideoFrame(number, time_ns, frame.to_ndarray(format="bgr24"))
        # half a frame early is no reason to wait for the next
        last_ns, next_ns = time_ns, time_ns + period_ns - 1_000_000 if period_ns else 0
