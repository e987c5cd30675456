# SPDX-License-Identifier: BSD-3-Clause
"""The gimbal and the satellite positions of a simulated flight, out of bags as each kind of aircraft writes them."""

import copy
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from aircraft import attitude_messages, fix_messages, gimbal_messages, header, old_type, records
from helpers import CAMERA
from ros_helpers import image_records, write_bag
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Imu, NavSatFix
from std_msgs.msg import Int16, UInt8
from tf2_msgs.msg import TFMessage

from camera_relocalization_ros.aircraft.gimbal import T_link_optical
from camera_relocalization_ros.aircraft.gps_poses import GpsOptions
from camera_relocalization_ros.aircraft.local_frame import Geodetic, LocalFrame
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import BagError, ConfigError
from camera_relocalization_ros.core.geometry import angular_distance, pose_matrix, position_quat
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.bags.gimbal_edges import gimbal_edges
from camera_relocalization_ros.ros.bags.gps_trajectory import GpsTopics, gps_trajectory
from camera_relocalization_ros.ros.bags.reader import open_bag
from camera_relocalization_ros.ros.bags.simulation_bag import OPTICAL_FRAME, ORIGIN_GEODETIC
from camera_relocalization_ros.ros.bags.survey_pictures import store_pictures
from camera_relocalization_ros.simulation.recording import FlightPlan, Recording

RECORDING = Recording(FlightPlan(placement=6, duration_s=6.0, rate_hz=5.0, seed=5))
GIMBAL, ATTITUDE, FIX = "/dji_sdk/gimbal_angle", "/dji_sdk/attitude", "/dji_sdk/gps_position"
NED_IN_ENU = Rotation.from_matrix([[0, 1, 0], [1, 0, 0], [0, 0, -1]])
FRD_IN_FLU = Rotation.from_euler("x", 180, degrees=True)
ORIGIN = Geodetic(*ORIGIN_GEODETIC)


def by_stamp(all_records):
    return sorted(all_records, key=lambda record: record[2])


def tf_of_the_flight():
    stamps_ns = RECORDING.stamps_ns(120)
    transforms = RECORDING.transforms(stamps_ns)
    static = conversions.matrix_to_transform(T_link_optical(), int(stamps_ns[0]), "M100/camera_link", OPTICAL_FRAME)
    rows = [("/tf_static", TFMessage([static]), int(stamps_ns[0]))]
    for row, stamp_ns in enumerate(stamps_ns):
        message = TFMessage(
            [conversions.matrix_to_transform(T[row], int(stamp_ns), *frames) for frames, T in transforms.items()]
        )
        rows.append(("/tf", message, int(stamp_ns)))
    return rows


def modern(order="rpy"):
    gimbal = records(GIMBAL, gimbal_messages(RECORDING, order=order))
    return gimbal + records(ATTITUDE, attitude_messages(RECORDING))


def old_messages():
    """OSDK 3.2: named angles, and the attitude of FRD in NED as w, x, y, z."""
    gimbal, attitude = [], []
    for stamp_ns, message in gimbal_messages(RECORDING):
        values = dict(zip(("roll", "pitch", "yaw"), (message.vector.x, message.vector.y, message.vector.z)))
        gimbal.append((stamp_ns, old_type("dji_sdk/Gimbal")(header=header(stamp_ns), ts=0, **values)))
    for stamp_ns, message in attitude_messages(RECORDING):
        q = message.quaternion
        x, y, z, w = (NED_IN_ENU.inv() * Rotation.from_quat([q.x, q.y, q.z, q.w]) * FRD_IN_FLU).as_quat().tolist()
        kind = old_type("dji_sdk/AttitudeQuaternion")
        rates = {"wx": 0, "wy": 0, "wz": 0, "ts": 0}
        attitude.append((stamp_ns, kind(header=header(stamp_ns), q0=w, q1=x, q2=y, q3=z, **rates)))
    return records("/dji_sdk/gimbal", gimbal) + records("/dji_sdk/attitude_quaternion", attitude)


def imu_records():
    messages = []
    for stamp_ns, message in attitude_messages(RECORDING):
        messages.append((stamp_ns, Imu(header=message.header, orientation=message.quaternion)))
    return records("/dji_sdk/imu", messages)


@pytest.fixture(scope="module")
def bags(tmp_path_factory):
    folder = tmp_path_factory.mktemp("aircraft")
    return {
        "broadcast": write_bag(folder / "broadcast.bag", by_stamp(modern() + tf_of_the_flight() + imu_records())),
        "subscription": write_bag(folder / "subscription.bag", by_stamp(modern("pry") + tf_of_the_flight())),
        "osdk32": write_bag(folder / "osdk32.bag", by_stamp(old_messages() + tf_of_the_flight())),
    }


@pytest.mark.parametrize(
    ("convention", "gimbal_topic", "attitude_topic"),
    [
        ("broadcast", "dji_sdk/gimbal_angle", "dji_sdk/attitude"),
        ("broadcast", GIMBAL, "dji_sdk/imu"),
        ("subscription", GIMBAL, ATTITUDE),
        ("osdk32", "dji_sdk/gimbal", "dji_sdk/attitude_quaternion"),
    ],
)
def test_edges_are_the_flights_own_frames(bags, convention, gimbal_topic, attitude_topic):
    with open_bag(bags[convention]) as bag:
        edges = gimbal_edges(bag, gimbal_topic, attitude_topic, convention)
    names = ["base_link", "gimbal_yaw", "gimbal_roll", "gimbal_pitch", "camera_link", "camera_optical_frame"]
    assert [edge[:2] for edge in edges] == [(f"M100/{a}", f"M100/{b}") for a, b in zip(names, names[1:])]
    track = edges[0][2]
    assert len(track) >= len(RECORDING.stamps_ns(50)) - 2
    T_body_optical = np.eye(4)
    for _, _, pose in edges:
        T_body_optical = T_body_optical @ (pose.matrices() if hasattr(pose, "matrices") else pose_matrix(*pose))
    t_s = RECORDING.seconds(track.stamps_ns)
    position, quat = position_quat(RECORDING.flight.gimbal(t_s).T_body_optical())
    found_position, found_quat = position_quat(T_body_optical)
    # three angles rounded to 0.1 degrees; the camera sits 5 cm beside the last axis
    assert np.degrees(angular_distance(found_quat, quat)).max() < 0.1
    assert np.linalg.norm(found_position - position, axis=1).max() < 1e-3


@pytest.mark.parametrize("convention", ["broadcast", "subscription"])
def test_gimbal_check_names_the_convention(bags, convention, capsys):
    command = ["gimbal-check", str(bags[convention]), "--parent", "map", "--child", OPTICAL_FRAME]
    assert main(command) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == f"convention: {convention}"
    assert lines[2].split()[:2] == [convention, "0.05"]
    assert len(lines) == 7


def test_gimbal_check_of_old_types(bags, capsys):
    command = ["gimbal-check", str(bags["osdk32"]), "--parent", "map", "--child", OPTICAL_FRAME]
    command += ["--gimbal-topic", "dji_sdk/gimbal", "--attitude-topic", "dji_sdk/attitude_quaternion"]
    assert main([*command, "--body", "M100/base_link"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "convention: osdk32"
    assert main(command) == 0
    assert "cannot tell" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dji_sdk/gimbal", ATTITUDE, "broadcast"), "topic 'dji_sdk/gimbal' is not in the bag; expected the gimbal's"),
        (
            (GIMBAL, "/tf", "broadcast"),
            "topic '/tf': no message with the aircraft's attitude: tf2_msgs/TFMessage without a stamp",
        ),
        ((ATTITUDE, ATTITUDE, "broadcast"), "QuaternionStamped holds no gimbal angles"),
    ],
)
def test_topics_that_do_not_serve(bags, arguments, says):
    with open_bag(bags["broadcast"]) as bag, pytest.raises(BagError, match=says):
        gimbal_edges(bag, *arguments)


def test_unknown_convention(bags):
    with open_bag(bags["broadcast"]) as bag, pytest.raises(ConfigError, match="'m100'; expected one of broadcast"):
        gimbal_edges(bag, GIMBAL, ATTITUDE, "m100")


def test_an_attitude_whose_clock_is_set_back_in_flight_gives_no_wrong_angle(tmp_path, caplog):
    gimbal, attitude = gimbal_messages(RECORDING), attitude_messages(RECORDING)
    whole = write_bag(tmp_path / "whole.bag", by_stamp(records(GIMBAL, gimbal) + records(ATTITUDE, attitude)))
    step_ns, half_ns = 2_003_300_000, int(RECORDING.stamps_ns(1)[3])
    stepped = [(topic, copy.deepcopy(message), at) for topic, message, at in records(ATTITUDE, attitude)]
    for _, message, at_ns in stepped:
        message.header.stamp = conversions.stamp_from_ns(at_ns - 8_000_000 - (step_ns if at_ns > half_ns else 0))
    back = write_bag(tmp_path / "back.bag", by_stamp(records(GIMBAL, gimbal) + stepped))
    tracks = []
    for path in (whole, back):
        with open_bag(path) as bag:
            tracks.append(gimbal_edges(bag, GIMBAL, ATTITUDE, "broadcast")[0][2])
    found = tracks[1]
    assert 0.4 * len(tracks[0]) < len(found) < 0.6 * len(tracks[0])
    rows = np.searchsorted(tracks[0].stamps_ns, found.stamps_ns)
    np.testing.assert_array_equal(found.stamps_ns, tracks[0].stamps_ns[rows])
    assert angular_distance(found.quats_xyzw, tracks[0].quats_xyzw[rows]).max() < 1e-9
    assert f"the clock of topic '{ATTITUDE}' was set back by 2.003 s in flight" in caplog.text


def test_bad_messages_are_left_out_and_told(tmp_path, caplog):
    gimbal, attitude = gimbal_messages(RECORDING), attitude_messages(RECORDING)
    gimbal[10][1].vector.y = float("nan")
    attitude[3][1].quaternion.w = 7.0
    attitude[5][1].header.stamp = conversions.stamp_from_ns(0)
    path = write_bag(tmp_path / "bad.bag", by_stamp(records(GIMBAL, gimbal) + records(ATTITUDE, attitude)))
    with open_bag(path) as bag:
        edges = gimbal_edges(bag, GIMBAL, ATTITUDE, "broadcast")
    assert gimbal[10][0] not in edges[0][2].stamps_ns
    assert "not finite" in caplog.text
    assert "not of length 1" in caplog.text
    assert "without a stamp" in caplog.text


# --- satellite positions ----------------------------------------------------------------------------------------------


def gps_records(fixes):
    return records(FIX, fixes) + records(ATTITUDE, attitude_messages(RECORDING))


def test_gps_is_the_flights_own_path(tmp_path):
    path = write_bag(tmp_path / "gps.bag", by_stamp(gps_records(fix_messages(RECORDING))))
    with open_bag(path) as bag:
        found, skipped = gps_trajectory(bag, GpsOptions(ORIGIN))
        from_first, _ = gps_trajectory(bag)
    assert not skipped
    assert len(found) == len(RECORDING.stamps_ns(10))
    assert np.abs(found.positions - RECORDING.body_positions(found.stamps_ns)).max() < 1e-3
    turns = np.degrees(angular_distance(found.quats_xyzw, RECORDING.attitudes(found.stamps_ns)))
    assert turns.max() < 0.01
    np.testing.assert_allclose(from_first.positions[0], 0, atol=1e-9)
    np.testing.assert_allclose(np.diff(from_first.positions, axis=0), np.diff(found.positions, axis=0), atol=1e-4)


def test_a_survey_takes_pictures_now_and_then_and_where_satellites_saw_the_aircraft(tmp_path):
    stamps_ns = RECORDING.stamps_ns(10)[3:] + 20_000_000
    path = write_bag(
        tmp_path / "flight.bag", by_stamp(records(FIX, fix_messages(RECORDING)) + image_records(stamps_ns))
    )
    (tmp_path / "pictures").mkdir()
    stored = store_pictures(path, tmp_path / "pictures", period_s=0.95, gps_topic="dji_sdk/gps_position")
    # every tenth of ten a second
    assert list(stored.stamps_ns.values()) == stamps_ns[::10].tolist() and stored.camera == CAMERA
    assert sorted(stored.stamps_ns) == sorted(each.name for each in (tmp_path / "pictures").iterdir())
    seen_ns = np.array([stored.stamps_ns[name] for name in stored.places])
    assert len(seen_ns) >= len(stored.stamps_ns) - 1  # the last picture may come after the last fix
    found = LocalFrame(ORIGIN).enu(list(stored.places.values()))
    # a straight line between fixes a tenth of a second apart
    assert np.abs(found - RECORDING.body_positions(seen_ns)).max() < 0.01
    with pytest.raises(BagError, match="its image topics are: /camera/image_raw/compressed"):
        store_pictures(path, tmp_path / "pictures", topic="/other")


def test_repeats_and_missing_fixes_are_counted(tmp_path):
    fixes = fix_messages(RECORDING)
    repeated = []
    for stamp_ns, message in copy.deepcopy(fixes[5:]):
        message.header.stamp = conversions.stamp_from_ns(stamp_ns + 20_000_000)
        repeated.append((stamp_ns + 20_000_000, message))
    for _, message in fixes[:5]:
        message.status.status = -1
    path = write_bag(tmp_path / "gps.bag", by_stamp(gps_records(fixes + fixes[7:9] + repeated)))
    with open_bag(path) as bag:
        found, skipped = gps_trajectory(bag, GpsOptions(ORIGIN))
    assert skipped == {"no fix": 5, "repeated stamp": 2, "repeated position": len(fixes) - 5}
    assert len(found) == len(fixes) - 5


def test_rtk_gates_by_the_newest_status_and_yaw(tmp_path):
    fixes = fix_messages(RECORDING)
    start_ns = fixes[0][0]
    rows = records(FIX, fixes)
    # 0 to 2 s fixed, then float, and from 4.5 s on nothing; the yaw stops at 3.5 s
    for tenth in range(45):
        status = UInt8(50 if tenth < 20 else 34)
        rows.append(("/dji_sdk/rtk_info_position", status, start_ns + tenth * 100_000_000))
        if tenth < 35:
            rows.append(("/dji_sdk/rtk_yaw", Int16(90), start_ns + tenth * 100_000_000))
    path = write_bag(tmp_path / "rtk.bag", by_stamp(rows))
    with open_bag(path) as bag:
        fixed, skipped = gps_trajectory(bag, GpsOptions(ORIGIN, "rtk_yaw", rtk_minimum=48))
        floating, unheaded = gps_trajectory(bag, GpsOptions(ORIGIN, "rtk_yaw", rtk_minimum=32))
        with pytest.raises(BagError, match="'dji_sdk/attitude' is not in the bag; expected the aircraft's attitude"):
            gps_trajectory(bag, GpsOptions(ORIGIN))
    seconds = (fixed.stamps_ns - start_ns) * 1e-9
    assert len(fixed) == 20
    assert seconds.max() < 2.0
    # the last status comes at 4.4 s and holds for a second; fixes come 8 ms late, at 5.308 and 5.408 s
    assert skipped == {"RTK status below 48": 34, "RTK status unknown": len(fixes) - 54}
    assert len(floating) == 44  # the last yaw comes at 3.4 s
    assert unheaded["RTK yaw unknown"] == 10
    # antenna 2 in the east of antenna 1, on the right of the nose, which so points north
    np.testing.assert_allclose(np.abs(fixed.quats_xyzw[0]), [0, 0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-9)


def test_positions_of_osdk_3_have_no_header_and_their_own_units(tmp_path, capsys):
    fixes, rows = fix_messages(RECORDING), []
    for number, (stamp_ns, fix) in enumerate(fixes):
        rtk = old_type("dji_sdk/A3_RTK")(longitude_RTK=fix.longitude, latitude_RTK=fix.latitude)
        rtk.height_above_sea_RTK, rtk.position_flag = fix.altitude, 0 if number < 5 else 34 if number < 10 else 50
        gps = old_type("dji_sdk/A3_GPS")(longitude=round(fix.longitude * 1e7), latitude=round(fix.latitude * 1e7))
        gps.height_above_sea = round(fix.altitude * 1e3)
        rows += [("/dji_sdk/A3_RTK", rtk, stamp_ns), ("/dji_sdk/A3_GPS", gps, stamp_ns)]
    path = write_bag(tmp_path / "osdk3.bag", by_stamp(rows))
    with open_bag(path) as bag:
        for topic, minimum, missing in (("A3_RTK", None, 5), ("A3_RTK", 48, 10), ("A3_GPS", None, 0)):
            options = GpsOptions(ORIGIN, "none", rtk_minimum=minimum)
            found, skipped = gps_trajectory(bag, options, GpsTopics(fix=f"dji_sdk/{topic}"))
            assert len(found) + sum(skipped.values()) == len(fixes)
            assert set(found.stamps_ns.tolist()) == {stamp_ns for stamp_ns, _ in fixes[missing:]} or topic == "A3_GPS"
            # of A3_GPS: 1e-7 degrees are a centimetre
            expected = RECORDING.body_positions(found.stamps_ns)
            assert np.abs(found.positions - expected).max() < (0.02 if topic == "A3_GPS" else 1e-3)
    assert main(["kml", str(path), "--topic", "dji_sdk/A3_RTK", "-o", str(tmp_path / "track.kml")]) == 0
    assert f"{len(fixes) - 5} places, skipped: 5 no fix" in capsys.readouterr().out


def test_kml_has_the_path_and_the_times(tmp_path, capsys):
    fixes = fix_messages(RECORDING)
    path = write_bag(tmp_path / "flight.bag", by_stamp(records(FIX, fixes + fixes[3:4])))
    output = tmp_path / "track.kml"
    assert main(["kml", str(path), "-o", str(output)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{output}: {len(fixes)} places, skipped: 1 repeated stamp\n")
    assert "usually above the ellipsoid; KML takes them as above the sea" in said
    root = ElementTree.parse(output).getroot()
    spaces = {"k": "http://www.opengis.net/kml/2.2", "gx": "http://www.google.com/kml/ext/2.2"}
    line = root.find(".//k:LineString", spaces)
    assert line.find("k:altitudeMode", spaces).text == "absolute"
    rows = np.array([point.split(",") for point in line.find("k:coordinates", spaces).text.split()], dtype=float)
    np.testing.assert_allclose(rows[:, 0], [message.longitude for _, message in fixes], atol=1e-9)
    np.testing.assert_allclose(rows[:, 1], [message.latitude for _, message in fixes], atol=1e-9)
    np.testing.assert_allclose(rows[:, 2], [message.altitude for _, message in fixes], atol=1e-6)
    whens = [when.text for when in root.findall(".//gx:Track/k:when", spaces)]
    assert len(whens) == len(root.findall(".//gx:Track/gx:coord", spaces)) == len(fixes)
    assert whens[0] == "2017-06-07T16:59:59.700Z"  # START_NS, six days and five hours on, less TF_MARGIN_S


def test_kml_above_the_ground(tmp_path):
    fixes = fix_messages(RECORDING)
    path = write_bag(tmp_path / "flight.bag", by_stamp(records(FIX, fixes)))
    assert main(["kml", str(path), "-o", str(tmp_path / "track.kml"), "--altitude", "relative"]) == 0
    text = (tmp_path / "track.kml").read_text(encoding="utf-8")
    assert "<altitudeMode>relativeToGround</altitudeMode>" in text
    first = text.split("<coordinates>")[1].split()[0]
    assert float(first.split(",")[2]) == 0.0


def test_kml_above_the_sea_and_of_places_without_a_height(tmp_path, capsys):
    fixes = fix_messages(RECORDING)
    path, output = write_bag(tmp_path / "flight.bag", by_stamp(records(FIX, fixes))), tmp_path / "track.kml"
    assert main(["kml", str(path), "-o", str(output), "--geoid-height", "47.5"]) == 0
    assert "ellipsoid" not in capsys.readouterr().out
    first = output.read_text(encoding="utf-8").split("<coordinates>")[1].split()[0]
    assert float(first.split(",")[2]) == pytest.approx(fixes[0][1].altitude - 47.5, abs=1e-6)
    for _, message in fixes:
        message.altitude = float("nan")
    write_bag(path, by_stamp(records(FIX, fixes)))
    assert main(["kml", str(path), "-o", str(tmp_path / "none.kml")]) == 1
    assert f"{len(fixes)} no height" in capsys.readouterr().err
    assert main(["kml", str(path), "-o", str(tmp_path / "ground.kml"), "--altitude", "ground"]) == 0
    assert f"{len(fixes)} places" in capsys.readouterr().out
    assert "nan" not in (tmp_path / "ground.kml").read_text(encoding="utf-8")


def test_kml_without_positions_is_one_line(tmp_path, capsys):
    path = write_bag(tmp_path / "flight.bag", records(FIX, [(1, NavSatFix(header=header(1)))]))
    assert main(["kml", str(path), "-o", str(tmp_path / "track.kml")]) == 1
    assert capsys.readouterr().err.strip().endswith("holds no good fix (skipped: 1 no position)")
    assert main(["kml", str(path), "-o", str(tmp_path / "track.kml"), "--topic", "gps"]) == 1
    assert "topic 'gps' is not in the bag" in capsys.readouterr().err
    assert not (tmp_path / "track.kml").exists()
