# SPDX-License-Identifier: BSD-3-Clause
"""A video file with the poses of its camera beside it: a list as TUM's, or DJI's subtitles."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator

import numpy as np

from camera_relocalization_ros.aircraft.dji import R_enu_link_from_dji
from camera_relocalization_ros.aircraft.gimbal import T_link_optical
from camera_relocalization_ros.aircraft.local_frame import LocalFrame
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import position_quat
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.trajectory import nearest_rows
from camera_relocalization_ros.data.camera_files import load_camera
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.footage.dji_subtitles import read_subtitles, subtitles_beside
from camera_relocalization_ros.data.footage.video_frames import VideoFrame, video_frames
from camera_relocalization_ros.data.layouts.tum import CHILD_FRAME, PARENT_FRAME, ListedPoses, read_poses
from camera_relocalization_ros.data.pose_stream import StreamLimits
from camera_relocalization_ros.data.sequence_names import sequence_names

# of subtitles: positions are east, north, up
LOCAL_FRAME = "map"
# a first frame at zero would be "the latest" for tf2
FIRST_NS = 1_000_000_000


def import_video(
    source: Path,
    output: Path,
    poses: Path | None = None,
    camera: Path | None = None,
    video_start_s: float = 0.0,
    period_s: float = 0.0,
    max_gap_s: float = StreamLimits.max_gap_s,
) -> Dataset:
    """Write the data set `output` of a video's frames, or of one every period_s, and return it.

    poses: of the camera's optical frame, as TUM's list or as CSV, with stamps in the clock in which the video starts at
    video_start_s; the pose of a frame lies between those around it. Or DJI's .SRT, as is taken from beside the video
    where nothing is named: east, north, up of the first place, turned as its gimbal says. camera: YAML file of the
    intrinsics. Raises DatasetError or SyncError.
    """
    path = poses or subtitles_beside(source)
    is_subtitles = path.suffix.lower() == ".srt"
    intrinsics = load_camera(camera) if camera is not None else None
    parent = LOCAL_FRAME if is_subtitles else PARENT_FRAME
    info: dict[str, Any] = {"source": source.name, "poses": path.name}
    with DatasetWriter(output, parent, CHILD_FRAME, intrinsics) as writer:
        with writer.sequence(sequence_names([source])[0], info) as sequence:
            frames = video_frames(source, period_s)
            if is_subtitles:
                _add_with_subtitles(frames, path, round(max_gap_s * 1e9), sequence)
            else:
                _add_with_poses(frames, read_poses(path, sequence, StreamLimits(max_gap_s)), video_start_s, sequence)
    return Dataset.load(output)


def _add_with_poses(
    frames: Iterator[VideoFrame], poses: ListedPoses, video_start_s: float, sequence: SequenceWriter
) -> None:
    start_ns = round(video_start_s * 1e9)
    # stamps of the first frame at zero are moved, all alike
    base_ns = 0 if start_ns > 0 else FIRST_NS
    for frame in frames:
        pose, fault = poses.at(start_ns + frame.time_ns)
        if pose is None:
            sequence.skip(fault)
        else:
            _add(sequence, base_ns + start_ns + frame.time_ns, pose, frame)


def _add_with_subtitles(frames: Iterator[VideoFrame], path: Path, max_gap_ns: int, sequence: SequenceWriter) -> None:
    stamps_ns, poses = _subtitle_poses(path)
    for frame in frames:
        row = int(nearest_rows(np.array([frame.time_ns]), stamps_ns, max_gap_ns)[0])
        if row < 0:
            sequence.skip("no subtitle with a place")
        else:
            _add(sequence, FIRST_NS + frame.time_ns, poses[row], frame)


def _add(sequence: SequenceWriter, stamp_ns: int, pose: Pose, frame: VideoFrame) -> None:
    sequence.add(stamp_ns, pose.position, pose.quat_xyzw, frame.jpeg(), ".jpg", frame.number)


def _subtitle_poses(path: Path) -> tuple[np.ndarray, list[Pose]]:
    """Times (N,) since the video's start and the camera's poses then, in east, north, up of the first place."""
    subtitles = read_subtitles(path)
    placed = [(s.time_ns, s.place, s.roll_pitch_yaw_deg) for s in subtitles if s.place is not None]
    if not placed:
        raise DatasetError(f"{path}: none of its {len(subtitles)} subtitles says where satellites saw the drone")
    turned = [(time_ns, place, angles) for time_ns, place, angles in placed if angles is not None]
    if not turned:
        raise DatasetError(
            f"{path}: it says where the drone was, and not where the camera pointed (gb_yaw, gb_pitch, gb_roll); "
            "`reloc survey VIDEO --gps` finds that"
        )
    positions = LocalFrame(turned[0][1]).enu([place for _, place, _ in turned])
    R_enu_link = R_enu_link_from_dji(np.radians([angles for _, _, angles in turned]))
    turns = R_enu_link @ T_link_optical()[:3, :3]
    poses = [Pose(*position_quat(_matrix(R, p))) for R, p in zip(turns, positions)]
    return np.array([time_ns for time_ns, _, _ in turned], dtype=np.int64), poses


def _matrix(R: np.ndarray, position: np.ndarray) -> np.ndarray:
    T = np.eye(4)
    T[:3, :3], T[:3, 3] = R, position
    return T
