# SPDX-License-Identifier: BSD-3-Clause
import pytest
import rosbag
from shared_work import made_once

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.delay_check import check_sync
from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions
from camera_relocalization_ros.ros.bags.simulation_bag import IMAGE_TOPIC, OPTICAL_FRAME, write_simulated_bag
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

TOPIC = f"{IMAGE_TOPIC}/compressed"
SEARCH_S = (-0.6, 1.0)


@pytest.fixture(scope="module")
def flight(tmp_path_factory):
    def simulate(folder):
        recording = Recording(FlightPlan(1, 16.0, 10.0, seed=4, width=480))
        write_simulated_bag(recording, folder / "flight.bag", compressed=True)

    return made_once(tmp_path_factory, "sync_check", simulate) / "flight.bag"


def delayed(flight, path, delay_s):
    """The same bag with all images stamped delay_s later."""
    with rosbag.Bag(str(flight)) as source, rosbag.Bag(str(path), "w") as bag:
        for topic, message, received in source.read_messages():
            if topic.startswith("/dji_sdk/image") or topic.endswith("camera_info"):
                stamp_ns = message.header.stamp.to_nsec() + round(delay_s * 1e9)
                message.header.stamp = conversions.stamp_from_ns(stamp_ns)
            bag.write(topic, message, received)
    return path


@pytest.mark.parametrize("delay_s", [-0.2, 0.137, 0.6])
def test_delay_planted_in_a_simulated_flight_is_found(flight, tmp_path, delay_s):
    path = delayed(flight, tmp_path / "late.bag", delay_s)
    check = check_sync(path, ExtractionOptions(TOPIC, "wing/base_link", OPTICAL_FRAME), SEARCH_S, 1000)
    assert not check.estimate.doubt
    assert abs(check.estimate.delay_s - delay_s) < 0.010
    assert abs(check.estimate.delay_s - delay_s) < 4 * check.estimate.sigma_s
    assert f"--image-delay {check.estimate.delay_s:.3f}" in check.report()


def test_command_draws_and_says_that_there_is_no_delay(flight, tmp_path, capsys):
    frames = ["--parent", "map", "--child", OPTICAL_FRAME]
    plot = tmp_path / "plots" / "sync.png"
    assert main(["sync-check", str(flight), "--image-topic", TOPIC, *frames, "--plot", str(plot)]) == 0
    assert "no delay that matters" in capsys.readouterr().out
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_of_several_bags_each_is_told_apart_and_one_that_cannot_be_read_costs_itself(tmp_path, capsys):
    frames = ["--image-topic", TOPIC, "--parent", "map", "--child", OPTICAL_FRAME]
    bags = [str(tmp_path / "empty.bag"), str(tmp_path / "no_bag.bag")]
    with rosbag.Bag(bags[0], "w"):
        pass
    (tmp_path / "no_bag.bag").write_bytes(b"no bag")
    assert main(["sync-check", *bags, *frames]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == bags
    assert all(path not in line.partition(": ")[2] for path, line in zip(bags, lines))
    assert main(["sync-check", *bags, *frames, "--plot", str(tmp_path / "sync.png")]) == 1
    assert capsys.readouterr().err == "reloc sync-check: --plot draws one bag; 2 were given\n"


def test_command_says_when_it_cannot_tell(flight, capsys):
    frames = ["--parent", "map", "--child", "M100/base_link"]  # the gimbal turns the camera as it likes
    assert main(["sync-check", str(flight), "--image-topic", TOPIC, *frames]) == 1
    assert capsys.readouterr().out.startswith("cannot tell: ")


def test_chain_that_does_not_move_is_one_line(flight, capsys):
    frames = ["--parent", "M100/camera_link", "--child", OPTICAL_FRAME]
    assert main(["sync-check", str(flight), "--image-topic", TOPIC, *frames]) == 1
    assert "does not move" in capsys.readouterr().err
