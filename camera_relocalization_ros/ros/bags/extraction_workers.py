# SPDX-License-Identifier: BSD-3-Clause
"""The images of a bag checked and stored by all cores, and reported in the order of their arrival.

Processes, not threads: rosbag is Python, and threads that read and encode wait for each other (measured: half the
rate for raw images, a third for JPEG).
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import cv2
import numpy as np
import rosbag

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.errors import BagError, FrameError, PictureSizeError
from camera_relocalization_ros.core.image_files import encoded_suffix
from camera_relocalization_ros.core.program import keep_freed_memory
from camera_relocalization_ros.data.dataset_writer import store_image
from camera_relocalization_ros.data.still_pictures import texture_of_content, texture_of_picture
from camera_relocalization_ros.ros.bags.image_encoding import encode_pixels, pixels_to_encode
from camera_relocalization_ros.ros.bags.reader import RecordedImage, places, read_recorded_image
from camera_relocalization_ros.ros.bags.recorded_cameras import PictureTransforms
from camera_relocalization_ros.ros.bags.records import Place, reopen_in_child
from camera_relocalization_ros.ros.bags.tf.stays import Stay
from camera_relocalization_ros.ros.bags.transforms import FrameChain, NoPoseError

# images that a process handles and reports at a time: enough to make reporting cheap
BATCH = 16
# from linux/prctl.h
PR_SET_PDEATHSIG = 1


class ProcessedFrame(NamedTuple):
    """An image in the order of arrival: stored under `image_name` with its pose, or with the fault that it has."""

    number: int
    stamp_ns: int
    fault: str = ""
    image_name: str = ""
    position: np.ndarray | None = None
    quat_xyzw: np.ndarray | None = None
    camera: CameraIntrinsics | None = None
    # what its picture shows, of those that are looked at for that (still_pictures)
    texture: np.ndarray | None = None


@dataclass(frozen=True)
class FrameJob:
    """All that a worker needs to check and store the images of a bag."""

    bag: rosbag.Bag
    topic: str
    chain: FrameChain
    image_delay_ns: int
    image_format: str
    transforms: PictureTransforms
    image_folder: Path
    # frames that an interrupted run stored
    stored: frozenset[int]
    stay: Stay
    # of the numbers of frames that are looked at for whether the picture stands still
    compared_step: int
    # that share the images; 1: none but this one, which may be one of many and must not fork
    processes: int

    def process(self, number: int, image: RecordedImage, is_repeat: bool) -> ProcessedFrame:
        """Store a frame's image unless something is wrong with the frame."""
        if not self.stay.contains(image.stamp_ns - self.image_delay_ns):
            return ProcessedFrame(number, image.stamp_ns)
        if is_repeat:
            return ProcessedFrame(number, image.stamp_ns, "duplicate image")
        is_shown = number % self.compared_step == 0
        if number in self.stored and not is_shown:
            return ProcessedFrame(number, image.stamp_ns)
        message = None
        try:
            position, quat_xyzw = self.chain.at(image.stamp_ns - self.image_delay_ns)
            transform = self.transforms.at(image.stamp_ns)
            message = image.message()
            image_bgr = pixels_to_encode(message, transform)
            if number in self.stored:
                return ProcessedFrame(number, image.stamp_ns, texture=_shown(message, image_bgr))
            content = encode_pixels(message, image_bgr, self.image_format)
        except (NoPoseError, PictureSizeError) as error:
            return ProcessedFrame(number, image.stamp_ns, str(error))
        except FrameError:
            return ProcessedFrame(number, image.stamp_ns, f"image does not decode{_kind(message)}")
        name = store_image(self.image_folder, number, *content)
        texture = _shown(message, image_bgr) if is_shown else None
        return ProcessedFrame(number, image.stamp_ns, "", name, position, quat_xyzw, transform.camera, texture)


def _shown(message: Any, image_bgr: np.ndarray | None) -> np.ndarray:
    return texture_of_content(message.data) if image_bgr is None else texture_of_picture(image_bgr)


def _kind(message: Any) -> str:
    """What an image is said to be, in brackets, where that tells why it does not decode."""
    if hasattr(message, "encoding"):
        return f" (encoding {message.encoding!r})"
    if not hasattr(message, "format") or encoded_suffix(message.data) or not message.data:
        return ""
    return f" (format {message.format!r})"


def processed_frames(job: FrameJob) -> Iterator[ProcessedFrame]:
    """All frames of the job's bag in the order of arrival; raises what a process raised, BagError when one died."""
    images = places(job.bag, [job.topic])
    batches = [range(first, min(first + BATCH, len(images))) for first in range(0, len(images), BATCH)]
    if job.processes == 1:
        for batch in batches:
            yield from _process_batch(job, images, batch)
        return
    count = min(job.processes, len(batches))
    workers = [_Worker(job, images, batches[first::count]) for first in range(count)]
    try:
        for number in range(len(batches)):
            yield from workers[number % count].next_batch()
    finally:
        for worker in workers:
            worker.stop()


class _Worker:
    """A process that handles some of the batches and reports each through a pipe, which also holds it back."""

    def __init__(self, job: FrameJob, images: list[Place], batches: list[range]) -> None:
        self._name = job.bag.filename
        # a fork has the bag's index and the poses already; both are too large to send
        context = multiprocessing.get_context("fork")
        self._results, reports = context.Pipe(duplex=False)
        self._process = context.Process(target=_work, args=(job, images, batches, reports), daemon=True)
        self._process.start()
        reports.close()

    def next_batch(self) -> list[ProcessedFrame]:
        try:
            result = self._results.recv()
        except EOFError:
            raise BagError(f"{self._name}: a process that read it died; the machine may be out of memory") from None
        if isinstance(result, Exception):
            raise result
        frames: list[ProcessedFrame] = result
        return frames

    def stop(self) -> None:
        # no request: a parent's handler of SIGTERM, as rospy's, came with the fork and may not end the process
        self._process.kill()
        self._process.join()
        self._results.close()


def _work(job: FrameJob, images: list[Place], batches: list[range], reports: Connection) -> None:
    _become_worker()
    try:
        reopen_in_child(job.bag)
        for batch in batches:
            reports.send(_process_batch(job, images, batch))
    except Exception as error:
        reports.send(error)


def _process_batch(job: FrameJob, images: list[Place], batch: range) -> list[ProcessedFrame]:
    # the image before the batch is another's; here it tells whether the camera was frozen
    before = read_recorded_image(job.bag, images[batch[0] - 1]) if batch[0] else None
    frames = []
    for number in batch:
        image = read_recorded_image(job.bag, images[number])
        frames.append(job.process(number, image, image.shows_the_same(before)))
        before = image
    return frames


def _become_worker() -> None:
    """The habits of a process that must end with its parent, and handles many large blocks of memory."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    # libjpeg reports to stderr by itself; what is wrong with an image is counted
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    cv2.setNumThreads(1)  # OpenCV's threads did not survive the fork, and all cores are busy
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # it was killed before it could be told to take this process with it
    # half of the time was spent without
    keep_freed_memory()
