# SPDX-License-Identifier: BSD-3-Clause
from dataclasses import astuple, replace
from types import SimpleNamespace

import cv2
import pytest
import rospy
from colour_bundle import COLOUR_BUNDLE
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper
from helpers import CAMERA, CHILD_FRAME, PARENT_FRAME, START_NS, fake_image_rgb
from sensor_msgs.msg import CameraInfo

from camera_relocalization_ros.bundle.model_bundle import Bundle, load_bundle
from camera_relocalization_ros.core.errors import BundleError, ConfigError, FrameError
from camera_relocalization_ros.core.image_files import Picture
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.landmarks.health import LandmarkHealth
from camera_relocalization_ros.localization.landmarks.live import RefinementCounts
from camera_relocalization_ros.localization.relocalizer import Relocalizer
from camera_relocalization_ros.ros import conversions
from camera_relocalization_ros.ros.fault_isolation import FaultIsolation
from camera_relocalization_ros.ros.node import landmark_worker
from camera_relocalization_ros.ros.node.camera_watch import CameraWatch
from camera_relocalization_ros.ros.node.diagnostics import NodeDiagnostics
from camera_relocalization_ros.ros.node.landmark_worker import NodeLandmarks
from camera_relocalization_ros.ros.node.model_loading import bundle_folder
from camera_relocalization_ros.ros.node.outputs.body_pose import BodyFrames
from camera_relocalization_ros.ros.node.reset_counter import ResetCounter
from camera_relocalization_ros.ros.node.status import in_time
from camera_relocalization_ros.ros.params import NodeParams
from camera_relocalization_ros.ros.replay.ros_session import log_reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it printed nothing"),
        ("starting\n\x1b[31m[FATAL] [1500.25]: /b: no such bundle\x1b[0m\nbye\n", "/b: no such bundle"),
        ("\x1b[31m[FATAL] [1500.25, 12.5]: bad\x1b[0m\n", "bad"),
        ("RLException: [x.launch] is not there\nThe traceback is in a file", "RLException: [x.launch] is not there"),
        ("one\ntwo\n\n", "two"),
    ],
)
def test_reason_in_a_childs_output(text, reason):
    assert log_reason(text) == reason


def test_what_fails_beside_the_poses_is_counted_and_logged_once(monkeypatch):
    reported = []
    monkeypatch.setattr(rospy, "logerr", reported.append)
    faults = FaultIsolation()
    for _ in range(3):
        with faults.isolated("a drawing"):
            raise ZeroDivisionError("no such size")
    with pytest.raises(FrameError), faults.isolated("something else"):
        raise FrameError("an image that cannot be answered")
    assert faults.failures == {"a drawing": 3}
    assert (
        len(reported) == 1
        and "a drawing failed (1 so far)" in reported[0]
        and "ZeroDivisionError: no such size" in reported[0]
    )


def never_asked(image_rgb, stamp_ns):
    """The network, where no landmarks are tracked."""
    raise AssertionError


def landmarks_of_a_map(rate_hz):
    """Landmarks of a node whose model has a map; the warnings go where rospy's go."""
    bundle = replace(load_bundle(COLOUR_BUNDLE), landmark_map=object())
    landmarks = NodeLandmarks(CameraWatch(bundle.sidecar), never_asked, rate_hz)
    landmarks.use(bundle)
    return landmarks


def diagnosed_landmarks(landmarks, images=0):
    localizer, status = SimpleNamespace(landmarks=landmarks), SimpleNamespace(recent=[None] * images)
    node = SimpleNamespace(localizer=localizer, status=status)
    return NodeDiagnostics(node).landmarks(DiagnosticStatusWrapper())


def regression_of_full_windows():
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE)
    relocalizer.estimate(fake_image_rgb(0), START_NS)
    regression = relocalizer.estimate(fake_image_rgb(0), START_NS + 10**8)
    assert (regression.state, regression.reason) == (State.DEGRADED, "not calibrated")
    return regression


@pytest.mark.parametrize(
    ("rate_hz", "has_sift", "says"),
    [
        (-1.0, True, "refinement_rate"),
        (5.0, False, "no SIFT"),
        (0.0, False, "4.5.1"),
        (5.0, True, "no camera_info came"),
    ],
)
def test_a_model_with_a_map_and_no_landmarks_at_work_is_never_ok(monkeypatch, rate_hz, has_sift, says):
    reported = []
    monkeypatch.setattr(rospy, "logwarn", reported.append)
    if not has_sift:
        monkeypatch.delattr(cv2, "SIFT_create")
    landmarks = landmarks_of_a_map(rate_hz)
    estimate = landmarks.estimate(Picture.of(fake_image_rgb(0)), regression_of_full_windows())
    assert estimate.state is State.DEGRADED and estimate.stage is Stage.REGRESSION
    assert estimate.reason.startswith("not refined: ") and says in estimate.reason
    found = diagnosed_landmarks(landmarks)
    assert found.level == DiagnosticStatus.WARN and says in found.message
    # what the camera may still bring is not warned of at the start
    assert [says in line for line in reported] == ([True] if rate_hz < 0 or not has_sift else [])


@pytest.mark.parametrize(
    ("health", "images", "says"),
    [
        (LandmarkHealth(search_s=0.1, searched_share=0.5, tracked_share=0.9), 100, ""),
        # at the start none can have been found yet
        (LandmarkHealth(searched_share=0.1, tracked_share=0.0), 10, ""),
        (
            LandmarkHealth(searched_share=0.04, tracked_share=0.0),
            100,
            "in no image, in 4 % searched for; none has ended",
        ),
        (LandmarkHealth(search_s=0.9, searched_share=0.1, tracked_share=0.3), 100, "in 30 % of the images"),
        (LandmarkHealth(search_s=2.0, tracked_share=0.8, searched_share=0.1, complaint="2.0 s is slow"), 50, "is slow"),
    ],
)
def test_a_search_that_does_not_keep_up_is_warned_of(health, images, says):
    landmarks = SimpleNamespace(counts=RefinementCounts(accepted=3), why_not="", health=health)
    found = diagnosed_landmarks(landmarks, images)
    assert found.level == (DiagnosticStatus.WARN if says else DiagnosticStatus.OK)
    assert says in found.message
    values = {one.key: one.value for one in found.values}
    assert values["images by landmarks [%]"] == f"{100 * health.tracked_share:.0f}"


@pytest.mark.parametrize("rate_hz", [-1.0, 5.0])
def test_one_image_by_itself_is_not_ok_either(monkeypatch, rate_hz):
    monkeypatch.setattr(rospy, "logwarn", lambda _line: None)
    relocalizer = Relocalizer.from_bundle(COLOUR_BUNDLE)
    relocalizer.bundle = replace(relocalizer.bundle, landmark_map=object())
    estimate = landmarks_of_a_map(rate_hz).estimate_alone(relocalizer, fake_image_rgb(0), START_NS)
    assert estimate.state is State.DEGRADED and estimate.reason.startswith("not refined: ")


def test_a_model_without_a_map_misses_no_landmarks(monkeypatch):
    monkeypatch.setattr(rospy, "logwarn", pytest.fail)
    bundle = load_bundle(COLOUR_BUNDLE)
    landmarks = NodeLandmarks(CameraWatch(bundle.sidecar), never_asked, -1.0)
    landmarks.use(bundle)
    regression = regression_of_full_windows()
    assert landmarks.estimate(Picture.of(fake_image_rgb(0)), regression) is regression
    assert diagnosed_landmarks(landmarks).level == DiagnosticStatus.OK


@pytest.mark.parametrize("tells_confirmed", [True, False])
def test_landmarks_know_whether_a_model_promises_more_where_two_searches_agree(monkeypatch, tells_confirmed):
    made, nothing = [], lambda *_: None
    monkeypatch.setattr(landmark_worker, "LandmarkPipeline", lambda *_, **options: made.append(options))
    monkeypatch.setattr(landmark_worker, "SequentialLandmarks", lambda *_: SimpleNamespace(estimate_tracked=nothing))
    monkeypatch.setattr(Bundle, "tells_confirmed", tells_confirmed)
    bundle = replace(load_bundle(COLOUR_BUNDLE), landmark_map=object())
    watch = CameraWatch(bundle.sidecar)
    watch.on_info(conversions.camera_to_info(CAMERA, START_NS, "camera"))
    landmarks = NodeLandmarks(watch, never_asked, 5.0, refines_first=True)
    landmarks.use(bundle)
    assert landmarks.estimate_tracked(Picture.of(fake_image_rgb(0)), START_NS) is None
    assert made == [{"tells_confirmed": tells_confirmed}]


def test_camera_info_of_no_calibration_is_told_with_its_topic(monkeypatch):
    reported = []
    monkeypatch.setattr(rospy, "logwarn_throttle", lambda _period_s, line: reported.append(line))
    watch = CameraWatch(load_bundle(COLOUR_BUNDLE).sidecar)
    watch.topic = "/camera/camera_info"
    assert watch.why_unknown == "no camera_info came yet on /camera/camera_info"
    watch.on_info(CameraInfo(width=CAMERA.width, height=CAMERA.height))
    assert watch.camera is None and watch.match.is_usable
    for line in (watch.why_unknown, watch.match.complaint, *reported):
        assert "on /camera/camera_info is not calibrated: K[0] is 0" in line
    assert len(reported) == 1
    # that none of the images can be localized is worse, and said first
    monkeypatch.setattr(rospy, "logerr_throttle", lambda _period_s, _line: None)
    watch.on_info(CameraInfo(width=1280, height=720))
    assert "aspect ratio" in watch.why_unknown
    watch.on_info(conversions.camera_to_info(CAMERA, START_NS, "camera"))
    assert watch.camera == CAMERA and watch.why_unknown == ""


def diagnosed_timing(monkeypatch, ages_s, now_s=1000.0):
    monkeypatch.setattr(rospy.Time, "now", staticmethod(lambda: rospy.Time.from_sec(now_s)))
    recent = [SimpleNamespace(age=age, latency=0.02, inference_time=0.01) for age in ages_s]
    node = SimpleNamespace(status=SimpleNamespace(recent=recent), params=NodeParams())
    return NodeDiagnostics(node).timing(DiagnosticStatusWrapper())


@pytest.mark.parametrize(
    ("ages_s", "now_s", "says"),
    [
        ([0.03] * 10, 1000.0, ""),
        # a simulated clock goes in steps
        ([-0.01] * 10, 1000.0, ""),
        ([-4.6] * 10, 1000.0, "4.6 s ahead of this computer's ROS time: clocks differ"),
        ([-4.6] * 2 + [0.03] * 18, 1000.0, "clocks differ"),
        ([-1.5e9] * 10, 0.0, "use_sim_time is set, and no /clock comes"),
    ],
)
def test_stamps_ahead_of_the_clock_are_warned_of(monkeypatch, ages_s, now_s, says):
    found = diagnosed_timing(monkeypatch, ages_s, now_s)
    assert found.level == (DiagnosticStatus.WARN if says else DiagnosticStatus.OK)
    assert says in found.message


@pytest.mark.parametrize(
    ("ahead_s", "now_s", "says"),
    [
        (-0.03, 1000.0, ""),
        (0.05, 1000.0, ""),
        (0.3, 1000.0, "0.3 s ahead of this computer's ROS time"),
        (5.0, 1000.0, "5.0 s ahead"),
        # a bag without a clock, in a simulated time that never begins
        (1.5e9, 0.0, "no /clock comes"),
    ],
)
def test_a_pose_from_the_future_is_not_ok(ahead_s, now_s, says):
    stamp_ns = round((now_s + ahead_s) * 1e9)
    estimate = replace(regression_of_full_windows(), state=State.OK, reason="", stamp_ns=stamp_ns)
    found = in_time(estimate, rospy.Time.from_sec(now_s), False)
    assert (found.state, bool(found.reason)) == ((State.DEGRADED, True) if says else (State.OK, False))
    assert says in found.reason
    lost = replace(estimate, state=State.LOST, reason="why")
    assert in_time(lost, rospy.Time.from_sec(now_s), False) is lost
    # a simulated clock may come a step after the image
    simulated = in_time(estimate, rospy.Time.from_sec(now_s), True)
    assert simulated.state is (State.OK if ahead_s < 1.0 else State.DEGRADED)


def test_resets_are_counted_with_the_first_pose_that_need_not_continue_the_last():
    resets, second = ResetCounter(), 1_000_000_000
    resets.note_break()
    counts = []
    for stamp_ns, is_broken in [
        (10 * second, False),
        (10 * second + 100, False),
        # lost twice is one reset
        (11 * second, True),
        (11 * second, False),
        (12 * second, False),
        # time goes back; time jumps, or nothing was published for longer
        (5 * second, False),
        (5 * second + 1, False),
        (7 * second, False),
    ]:
        if is_broken:
            resets.note_break()
            resets.note_break()
        resets.note_pose(stamp_ns)
        counts.append(resets.count)
    assert counts == [0, 0, 1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("values", "frames"),
    [
        ({}, None),
        ({"body_pose_in": "map"}, ("map", PARENT_FRAME, CHILD_FRAME, "base_link")),
        (
            {"body_pose_in": PARENT_FRAME, "body_frame": "uav", "camera_frame": "nose"},
            (*[PARENT_FRAME] * 2, "nose", "uav"),
        ),
    ],
)
def test_frames_of_the_bodys_pose(values, frames):
    sidecar = load_bundle(COLOUR_BUNDLE).sidecar
    found = BodyFrames.from_params(NodeParams("b", **values), sidecar)
    assert (found and astuple(found)) == frames


def test_outputs_are_diagnosed():
    body = SimpleNamespace(failures=3, why_not="no such frame", frames=BodyFrames("map", "wing", "camera", "base_link"))
    predicted = SimpleNamespace(is_running=True)
    outputs = SimpleNamespace(body_pose=body, predicted=predicted, body_predicted=None)
    diagnostics = NodeDiagnostics(SimpleNamespace(outputs=outputs, params=NodeParams(publish_states="ok")))
    first, second = (diagnostics.outputs(DiagnosticStatusWrapper()) for _ in range(2))
    assert (first.level, first.message) == (DiagnosticStatus.WARN, "3 times no ~body_pose: no such frame")
    # what was told is told once
    assert (second.level, second.message) == (DiagnosticStatus.OK, "OK poses only")
    values = {one.key: one.value for one in second.values}
    assert values == {"body pose": "base_link in map", "body pose failures": "3", "predicted pose": "runs"}


def test_a_body_is_not_located_in_what_moves_with_it():
    sidecar = load_bundle(COLOUR_BUNDLE).sidecar
    with pytest.raises(ConfigError, match="~body_pose_in is '/base_link', which moves with the aircraft"):
        BodyFrames.from_params(NodeParams("b", body_pose_in="/base_link"), sidecar)


def test_before_the_first_answer_no_clock_is_missed(monkeypatch):
    assert diagnosed_timing(monkeypatch, [], 0.0).level == DiagnosticStatus.OK


def test_a_bundle_of_the_users_shell_is_found_or_the_whole_path_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert bundle_folder("~/models/wing") == tmp_path / "models" / "wing"
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"out/wing: no such bundle in .*; give .* such as bundle:=\$PWD/out/wing"):
        bundle_folder("out/wing")
    (tmp_path / "out" / "wing").mkdir(parents=True)
    assert str(bundle_folder("out/wing")) == "out/wing"


@pytest.mark.parametrize("name", ["", " "])
def test_no_name_is_not_the_folder_that_the_node_was_started_in(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match="^no bundle is named"):
        bundle_folder(name)


def test_another_model_is_no_change_of_the_camera(monkeypatch):
    """Of two models that are loaded within a second the second one looked for no landmarks, for a false reason."""
    monkeypatch.setattr(landmark_worker, "LandmarkPipeline", lambda *_, **__: None)
    looks_for_landmarks = SimpleNamespace(estimate_tracked=lambda *_: "found")
    monkeypatch.setattr(landmark_worker, "SequentialLandmarks", lambda *_: looks_for_landmarks)
    bundle = replace(load_bundle(COLOUR_BUNDLE), landmark_map=object())
    watch = CameraWatch(bundle.sidecar)
    watch.on_info(conversions.camera_to_info(CAMERA, START_NS, "camera"))
    landmarks = NodeLandmarks(watch, never_asked, 5.0, refines_first=True)
    for _ in range(2):
        landmarks.use(bundle)
        assert landmarks.estimate_tracked(Picture.of(fake_image_rgb(0)), START_NS) == "found"
    # but what changes with each image is
    watch.on_info(conversions.camera_to_info(replace(CAMERA, cx=CAMERA.cx + 0.5), START_NS, "camera"))
    assert landmarks.estimate_tracked(Picture.of(fake_image_rgb(0)), START_NS) is None
    assert landmarks.why_not == "camera_info changes all the time"


@pytest.mark.parametrize("name", ["~nobody_of_this_name/wing", "x" * 300])
def test_a_name_that_the_system_does_not_take_is_an_error_of_one_line(name):
    with pytest.raises(BundleError, match=f"^{name}: ") as caught:
        bundle_folder(name)
    assert "\n" not in str(caught.value)
