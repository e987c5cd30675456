# SPDX-License-Identifier: BSD-3-Clause
"""What goes wrong on a real robot: lost, late, frozen and repeated messages, killed runs, bags that were cut short."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import START_NS, encoded, fake_image_rgb, fake_trajectory
from ros_helpers import FRAME, IMAGE_TOPIC, image_records, tf_records, write_bag
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.geometry import angular_distance, invert, position_quat
from camera_relocalization_ros.core.pose import Pose
from camera_relocalization_ros.core.trajectory import Trajectory
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags import extraction
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

MS = 1_000_000
TOPIC = f"{IMAGE_TOPIC}/compressed"
WING, LENS, BODY = "wing/base_link", "M100/camera_link", "M100/base_link"
PROGRAM = "import sys; from camera_relocalization_ros.cli.main import main; sys.exit(main())"


def flight_records(recording, image_stamps_ns, drop=(0, 0), freeze=(0, 0), swap=(0, 0), jitter_s=0.0):
    """TF and images of a flight; drop, freeze and swap are (start, end) of what befalls motion capture, in seconds."""
    rng = np.random.default_rng(0)
    stamps_ns = recording.stamps_ns(120)
    seconds = recording.seconds(stamps_ns)
    is_dropped, is_frozen, is_swapped = ((seconds >= a) & (seconds < b) for a, b in (drop, freeze, swap))
    records = []
    for (parent, child), T_n44 in recording.transforms(stamps_ns).items():
        is_tracked = child == BODY
        positions, quats = position_quat(T_n44)
        if is_tracked:
            held = np.flatnonzero(is_frozen)
            if len(held):
                positions[held], quats[held] = positions[held[0]], quats[held[0]]
            positions[is_swapped] += [0.0, 0.6, 0.0]
        for row, stamp_ns in enumerate(stamps_ns.tolist()):
            if is_tracked and is_dropped[row]:
                continue
            transform = conversions.pose_to_transform(Pose(positions[row], quats[row]), stamp_ns, parent, child)
            late_ns = int(abs(rng.normal(0, jitter_s)) * 1e9)
            records.append(("/tf", TFMessage([transform]), stamp_ns + late_ns))
    records += [
        (topic, message, received_ns + int(abs(rng.normal(0, jitter_s)) * 1e9))
        for topic, message, received_ns in image_records(image_stamps_ns)
    ]
    return sorted(records, key=lambda record: record[2])


def truth(recording, stamps_ns):
    seconds = recording.seconds(stamps_ns)
    gimbal = recording.flight.gimbal(seconds)
    T_map_lens = recording.flight.T_map_body(seconds) @ gimbal.T_body_yaw @ gimbal.T_yaw_roll
    T_map_lens = T_map_lens @ gimbal.T_roll_pitch @ gimbal.T_pitch_link
    return position_quat(invert(recording.T_map_airframe) @ T_map_lens)


@pytest.fixture(scope="module")
def recording():
    return Recording(FlightPlan(placement=2, duration_s=12.0, rate_hz=10, seed=5, width=64))


def extracted(path, records, **options):
    write_bag(path, records)
    return extract([path], ExtractionOptions(TOPIC, WING, LENS, **options), path.with_suffix(".set"))


def assert_true_poses(dataset, recording):
    (sequence,) = dataset.sequences
    found = sequence.trajectory()
    positions, quats = truth(recording, found.stamps_ns)
    assert np.linalg.norm(found.positions - positions, axis=1).max() < 1e-3
    assert np.degrees(angular_distance(found.quats_xyzw, quats)).max() < 0.05


def test_sound_flight_gives_the_true_poses(tmp_path, recording):
    stamps_ns = recording.image_stamps_ns() + 3 * MS
    dataset = extracted(tmp_path / "f.bag", flight_records(recording, stamps_ns))
    assert dataset.frame_count == 120
    assert dataset.sequences[0].info["skipped"] == {}
    assert_true_poses(dataset, recording)


def test_bad_flight_gives_true_poses_or_the_right_reason(tmp_path, recording):
    stamps_ns = recording.image_stamps_ns() + 3 * MS
    records = flight_records(recording, stamps_ns, drop=(2.0, 2.5), freeze=(4.0, 4.4), swap=(6.0, 6.3), jitter_s=0.04)
    images = [record for record in records if record[0] == TOPIC]
    transforms = [record for record in records if record[0] == "/tf"]
    records += [(topic, message, received_ns + MS) for topic, message, received_ns in images[10:13]]  # sent twice
    records += transforms[100:400]
    frozen = conversions.encoded_to_compressed(images[-1][1].data, ".png", int(stamps_ns[-1]) + 20 * MS, FRAME)
    records.append((TOPIC, frozen, images[-1][2] + 100 * MS))
    broken = conversions.encoded_to_compressed(b"\xff\xd8\xff no image", ".jpg", int(stamps_ns[30]) + 20 * MS, FRAME)
    early = conversions.encoded_to_compressed(
        encoded(fake_image_rgb(999)), ".png", recording.plan.start_ns - 10**9, FRAME
    )
    records += [(TOPIC, broken, int(stamps_ns[30]) + 30 * MS), (TOPIC, early, int(stamps_ns[0]) - 50 * MS)]
    dataset = extracted(tmp_path / "f.bag", sorted(records, key=lambda record: record[2]))
    assert_true_poses(dataset, recording)
    skipped = dataset.sequences[0].info["skipped"]
    # 5 images in the half second without motion capture, 4 in 0.4 s of a frozen one, 3 in 0.3 s of swapped markers
    assert skipped == {
        "gap in the pose stream": 5,
        "stale pose": 4,
        "jump in the pose stream": 3,
        "duplicate stamp": 3,
        "duplicate image": 1,
        "image does not decode": 1,
        "outside the pose stream": 1,
    }
    assert dataset.frame_count + sum(skipped.values()) == dataset.sequences[0].info["images"]


@pytest.mark.parametrize("undistort", [False, True])
def test_a_picture_of_another_size_than_its_camera_is_skipped_with_its_size(tmp_path, recording, undistort):
    records = flight_records(recording, recording.image_stamps_ns()[:20] + 3 * MS)
    images = [message for topic, message, _ in records if topic == TOPIC]
    for seed, message in enumerate(images[12:]):
        message.data = encoded(fake_image_rgb(100 + seed, 52, 36))
    (sequence,) = extracted(tmp_path / "f.bag", records, undistort=undistort).sequences
    assert len(sequence.trajectory().stamps_ns) == 12
    assert sequence.info["skipped"] == {"image of 52x36 pixels, intrinsics are for 64x48": 8}


def test_image_delay_is_taken_off(tmp_path, recording):
    stamps_ns = recording.image_stamps_ns()[:-5] + 250 * MS
    dataset = extracted(tmp_path / "f.bag", flight_records(recording, stamps_ns), image_delay_s=0.25)
    (sequence,) = dataset.sequences
    found = sequence.trajectory()
    assert sequence.info["image_delay_s"] == 0.25
    np.testing.assert_array_equal(found.stamps_ns, stamps_ns)  # an image keeps the stamp of its header
    np.testing.assert_allclose(found.positions, truth(recording, stamps_ns - 250 * MS)[0], atol=1e-3)


def test_where_the_parent_stood_is_recorded(tmp_path, recording):
    dataset = extracted(tmp_path / "f.bag", flight_records(recording, recording.image_stamps_ns()[:5]))
    placement = dataset.sequences[0].info["T_world_parent"]
    position, quat_xyzw = position_quat(recording.T_map_airframe)
    assert placement["frame"] == "map"
    np.testing.assert_allclose(placement["position"], position, atol=1e-9)
    np.testing.assert_allclose(placement["quat_xyzw"], quat_xyzw, atol=1e-9)


def long_bag(path, count):
    """Raw images large enough that their encoding takes a while."""
    rng = np.random.default_rng(0)
    poses = fake_trajectory(count + 1, 0.05)
    image_rgb = rng.integers(0, 255, (480, 640, 3), dtype=np.uint8)
    records = tf_records(poses, "map", FRAME)
    for number, stamp_ns in enumerate(poses.stamps_ns[:count].tolist()):
        image_rgb[-1, -1] = (number % 256, number // 256, 0)
        message = conversions.rgb_to_image(image_rgb, stamp_ns + 20 * MS, FRAME)
        records.append((IMAGE_TOPIC, message, stamp_ns + 20 * MS))
    return write_bag(path, records)


@pytest.fixture(scope="module")
def bag_of_100(tmp_path_factory):
    """A second's work at least, for two processes."""
    return long_bag(tmp_path_factory.mktemp("bags") / "f.bag", 100)


def arguments_for(bag, output, *more):
    return [
        "extract",
        str(bag),
        "--image-topic",
        IMAGE_TOPIC,
        "--parent",
        "map",
        "--child",
        FRAME,
        "-o",
        str(output),
        *more,
    ]


def content(dataset):
    return {str(path.relative_to(dataset)): path.read_bytes() for path in sorted(dataset.rglob("*")) if path.is_file()}


def wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


def test_killed_run_loads_as_nothing_and_the_same_command_resumes(tmp_path, bag_of_100):
    bag, output = bag_of_100, tmp_path / "set"
    partial = tmp_path / "set.partial"
    frames = partial / "sequences" / "f" / "frames.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments_for(bag, output, "--format", "png")], stderr=subprocess.DEVNULL
    )
    wait_for(lambda: frames.is_file() and frames.read_bytes().count(b"\n") > 20)
    workers = children_of(process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # they hold its lock until they notice
    wait_for_end(workers)
    assert not output.exists()
    with pytest.raises(DatasetError, match="no dataset.yaml"):
        Dataset.load(partial)
    with open(frames, "ab") as file:
        file.write(b"99,15000")  # the row that the kill cut short
    kept = frames.read_bytes().count(b"\n") - 1
    stamps = {path.name: path.stat().st_mtime_ns for path in (partial / "sequences" / "f" / "images").iterdir()}
    assert 20 <= kept < 100
    assert main(arguments_for(bag, output, "--format", "png")) == 0
    again = {path.name: path.stat().st_mtime_ns for path in (output / "sequences" / "f" / "images").iterdir()}
    untouched = sum(again[name] == stamp for name, stamp in stamps.items())
    assert untouched >= kept
    assert main(arguments_for(bag, tmp_path / "whole", "--format", "png")) == 0
    assert content(output) == content(tmp_path / "whole")


def test_processes_end_with_a_killed_parent(tmp_path, bag_of_100):
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments_for(bag_of_100, tmp_path / "set", "--format", "png")],
        stderr=subprocess.DEVNULL,
    )

    wait_for(lambda: len(children_of(process)) >= min(2, os.cpu_count()))
    workers = children_of(process)
    process.kill()
    process.wait()
    wait_for_end(workers)


def test_a_process_whose_parent_was_killed_before_it_could_notice_ends():
    """Of parent, child and grandchild the child is killed, before the grandchild becomes a worker."""
    script = """
import multiprocessing, os, signal, sys, time
from camera_relocalization_ros.ros.bags.extraction_workers import _become_worker

def late(parent):
    print(os.getpid(), flush=True)
    while os.getppid() == parent:
        time.sleep(0.01)
    _become_worker()
    time.sleep(600)

multiprocessing.get_context("fork").Process(target=late, args=(os.getpid(),)).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, timeout=60, check=False)
    wait_for(lambda: not os.path.exists(f"/proc/{int(done.stdout)}"), 30)


def test_processes_end_at_once_whatever_the_parent_makes_of_signals(tmp_path, bag_of_100, monkeypatch):
    def interrupted(*_):
        ended.extend(multiprocessing.active_children())
        raise KeyboardInterrupt

    ended = []
    monkeypatch.setattr(extraction, "_record_frames", lambda frames, _: interrupted(next(iter(frames))))
    # as rospy's, which a script may have begun with
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        with pytest.raises(KeyboardInterrupt):
            extract([bag_of_100], ExtractionOptions(IMAGE_TOPIC, "map", FRAME, image_format="png"), tmp_path / "set")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [process.exitcode for process in ended] == [-signal.SIGKILL] * min(os.cpu_count(), 13)


def children_of(process):
    listed = open(f"/proc/{process.pid}/task/{process.pid}/children").read().split()  # noqa: SIM115
    return [int(pid) for pid in listed]


def wait_for_end(pids):
    """Until none of some processes runs."""
    wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") and "Z" not in state_of(pid) for pid in pids), 60)


def state_of(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "Z"


def test_another_job_does_not_take_up_the_leftovers(tmp_path):
    bag, output = long_bag(tmp_path / "f.bag", 30), tmp_path / "set"
    (tmp_path / "set.partial" / "sequences" / "f" / "images").mkdir(parents=True)
    (tmp_path / "set.partial" / "job.json").write_text("{}")
    (tmp_path / "set.partial" / "sequences" / "f" / "images" / "000777.jpg").write_bytes(b"x")
    assert main(arguments_for(bag, output)) == 0
    assert not (output / "sequences" / "f" / "images" / "000777.jpg").exists()
    assert sorted(path.name for path in output.iterdir()) == ["dataset.yaml", "sequences"]


def test_full_disk_is_one_line_and_the_command_resumes(tmp_path):
    bag, output = long_bag(tmp_path / "f.bag", 60), tmp_path / "set"
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); "
    done = subprocess.run(
        [sys.executable, "-c", limit + PROGRAM, *arguments_for(bag, output)], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(f"reloc extract: {output}.partial: cannot be written (File too large)")
    assert last.endswith("what is done is kept, and the same command resumes")
    assert not output.exists()
    assert main(arguments_for(bag, output)) == 0
    assert Dataset.load(output).frame_count == 60


def test_two_at_once_do_not_mix(tmp_path, capsys, bag_of_100):
    bag, output = bag_of_100, tmp_path / "set"
    first = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments_for(bag, output, "--format", "png")], stderr=subprocess.DEVNULL
    )
    wait_for(lambda: (tmp_path / "set.partial" / "sequences" / "f" / "frames.csv").is_file())
    assert main(arguments_for(bag, output, "--format", "png")) == 1
    assert "another process is writing it" in capsys.readouterr().err
    assert first.wait() == 0
    assert Dataset.load(output).frame_count == 100


@pytest.mark.parametrize("share", [0.55, 0.9, 0.999])
def test_bag_that_was_cut_short_is_read_after_consent(tmp_path, capsys, caplog, share):
    whole = long_bag(tmp_path / "whole.bag", 40).read_bytes()
    bag = tmp_path / "cut.bag.active"
    bag.write_bytes(whole[: int(share * len(whole))])
    assert main(arguments_for(bag, tmp_path / "set")) == 1
    assert "--reindex" in capsys.readouterr().err
    before = bag.read_bytes()
    assert main(arguments_for(bag, tmp_path / "set", "--reindex")) == 0
    assert bag.read_bytes() == before
    assert "are readable, the last" in caplog.text
    (sequence,) = Dataset.load(tmp_path / "set").sequences
    assert sequence.name == "cut"
    # each image is a chunk of its own, so that only the last one is lost
    assert int(share * 40) - 2 <= len(sequence.frames) <= 40
    assert len({frame.stamp_ns for frame in sequence.frames}) == len(sequence.frames)


def test_bag_that_is_not_one_stays_an_error_with_reindex(tmp_path, capsys):
    for content_of in (b"#ROSBAG V2.0\n", b"", b"not a bag at all, whatever its name says" * 100):
        bag = tmp_path / "f.bag"
        bag.write_bytes(content_of)
        assert main(arguments_for(bag, tmp_path / "set", "--reindex")) == 1
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith(f"reloc extract: {bag}: ")


def test_long_gap_of_stamps_backwards_is_counted(tmp_path):
    poses = fake_trajectory(80)
    stamps_ns = poses.stamps_ns[:70].tolist()
    order = stamps_ns[:60] + [START_NS + 50 * MS] + stamps_ns[60:]  # sixty places late: more than is put right
    records = [*tf_records(poses, "map", FRAME)]
    for place, (topic, message, _) in enumerate(r for r in image_records(order) if r[0] == TOPIC):
        records.append((topic, message, START_NS + 10_000 * MS + place * MS))
    dataset = extract([write_bag(tmp_path / "f.bag", records)], ExtractionOptions(TOPIC, "map", FRAME), tmp_path / "o")
    assert dataset.sequences[0].info["skipped"] == {"stamp out of order": 1}
    assert dataset.frame_count == 70
    assert isinstance(dataset.sequences[0].trajectory(), Trajectory)
    names = {frame.image_path.name for frame in dataset.frames}
    assert {path.name for path in (tmp_path / "o" / "sequences" / "f" / "images").iterdir()} == names
