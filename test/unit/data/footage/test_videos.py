# SPDX-License-Identifier: BSD-3-Clause
"""Videos with poses beside them become data sets: each frame with the pose of its own time."""

from fractions import Fraction

import numpy as np
import pytest

from camera_relocalization_ros.aircraft.dji import R_enu_link_from_dji
from camera_relocalization_ros.aircraft.gimbal import T_link_optical
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.footage.dji_subtitles import read_subtitles

av = pytest.importorskip("av", reason="videos")
# milliseconds at which frames are shown: the rate of a phone's video is not even
SHOWN_MS = [0, 33, 66, 133, 166, 200, 233, 300]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "flight.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        for number, shown_ms in enumerate(SHOWN_MS):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 25 * number, np.uint8), format="rgb24")
            frame.pts, frame.time_base = shown_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def subtitle(number, start_ms, text):
    return f"{number}\n00:00:00,{start_ms:03d} --> 00:00:00,{start_ms + 33:03d}\n<font>{text}</font>\n\n"


def test_frames_have_the_poses_of_their_own_times(video, tmp_path):
    # 1 m/s along x, in the clock of the poses; columns in an order of their own
    rows = [f"{1.7 + t:.3f},1,0,0,0,{t:.3f},2.0,3.0" for t in np.arange(0, 0.25, 0.02)]
    (tmp_path / "poses.csv").write_text("Time [s],qw,qx,qy,qz,p_x,p_y [m],p_z\n" + "\n".join(rows))
    line = ["import", "video", video, "--poses", tmp_path / "poses.csv", "--video-start", 1.7, "-o", tmp_path / "set"]
    assert main([str(word) for word in line]) == 0
    dataset = Dataset.load(tmp_path / "set")
    seen_ms = [ms for ms in SHOWN_MS if ms <= 240]
    assert [frame.stamp_ns for frame in dataset.frames] == [1_700_000_000 + ms * 1_000_000 for ms in seen_ms]
    np.testing.assert_allclose(dataset.poses.positions, [[ms / 1000, 2, 3] for ms in seen_ms], atol=1e-9)
    assert [frame.number for frame in dataset.frames] == list(range(len(seen_ms)))
    assert dataset.sequences[0].name == "flight" and sum(dataset.sequences[0].info["skipped"].values()) == 1


def test_subtitles_of_dji_say_where_the_camera_was_and_pointed(video, tmp_path):
    place = "[latitude: {:.7f}] [longtitude : 11.670000] [rel_alt: 9.0 abs_alt: 480.5]"
    angles = "[gb_yaw: 30.0 gb_pitch: -45.0 gb_roll: 0.0]"
    srt = tmp_path / "flight.SRT"
    places = [place.format(48.26 + n / 111_200) for n in range(len(SHOWN_MS))]
    srt.write_text("".join(subtitle(n + 1, ms, f"{places[n]} {angles}") for n, ms in enumerate(SHOWN_MS)))
    assert main(["import", "video", str(video), "--poses", str(srt), "-o", str(tmp_path / "set")]) == 0
    dataset = Dataset.load(tmp_path / "set")
    assert dataset.frame_count == len(SHOWN_MS) and dataset.is_metric and dataset.parent_frame == "map"
    # a metre north with each frame
    np.testing.assert_allclose(dataset.poses.positions[:, 1], np.arange(len(SHOWN_MS)), atol=0.02)
    np.testing.assert_allclose(dataset.poses.positions[:, [0, 2]], 0, atol=1e-4)
    ahead = dataset.frames[0].pose.matrix[:3, 2]
    turn, dip = np.radians([30, 45])
    np.testing.assert_allclose(ahead, [np.sin(turn) * np.cos(dip), np.cos(turn) * np.cos(dip), -np.sin(dip)], atol=1e-9)
    expected = R_enu_link_from_dji(np.radians([0.0, -45.0, 30.0])) @ T_link_optical()[:3, :3]
    np.testing.assert_allclose(dataset.frames[0].pose.matrix[:3, :3], expected, atol=1e-9)


@pytest.mark.parametrize(
    "text, place",
    [
        ("GPS(11.6700,48.2600,19) BAROMETER:10.1", (48.26, 11.67, 10.1)),
        ("[latitude: -48.5] [longitude: -11.5] [altitude: 3.0]", (-48.5, -11.5, 3.0)),
        ("[latitude: 0.000000] [longitude: 0.000000] [rel_alt: 0.0 abs_alt: 0.0]", None),
        ("[latitude: 48.26] [longitude: 11.67]", None),
        ("[iso : 100]", None),
    ],
)
def test_places_in_the_ways_that_firmware_spells_them(tmp_path, text, place):
    (tmp_path / "a.srt").write_text(subtitle(1, 0, text) + subtitle(2, 33, text))
    found = read_subtitles(tmp_path / "a.srt")
    assert [one.time_ns for one in found] == [0, 33_000_000]
    assert found[0].place is None if place is None else found[0].place is not None
    if place is not None:
        assert (found[0].place.latitude_deg, found[0].place.longitude_deg, found[0].place.height_m) == place


def test_what_is_no_video_or_has_no_poses_is_refused_in_words(video, tmp_path, capsys):
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "still.SRT").write_text(subtitle(1, 0, "[latitude: 48.26] [longitude: 11.67] [abs_alt: 480.0]"))
    for source, poses, message in (
        (video, None, "no flight.SRT beside it"),
        (video, tmp_path / "still.SRT", "not where the camera pointed"),
        (tmp_path / "text.mp4", tmp_path / "poses.txt", "no video that FFmpeg reads"),
    ):
        (tmp_path / "poses.txt").write_text("1 0 0 0 0 0 0 1\n2 0 0 0 0 0 0 1\n")
        line = ["import", "video", source, "-o", tmp_path / "set", *(["--poses", poses] if poses else [])]
        assert main([str(word) for word in line]) == 1
        assert message in capsys.readouterr().err
    with pytest.raises(DatasetError, match="no subtitle in it"):
        read_subtitles(tmp_path / "poses.txt")
