# SPDX-License-Identifier: BSD-3-Clause
"""How the node fares, on /diagnostics: state, images, timing, camera, TF, temperature."""

from __future__ import annotations

import math
import threading
import time

import numpy as np
import rospy
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_updater import DiagnosticStatusWrapper, Updater

from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.localization.hardware import thermal_zones
from camera_relocalization_ros.localization.landmarks.health import LandmarkHealth
from camera_relocalization_ros.msg import RelocalizerStatus
from camera_relocalization_ros.ros.node.relocalization_node import RelocalizationNode
from camera_relocalization_ros.ros.node.status import clock_complaint

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
LEVELS = {State.WARMING_UP: OK, State.OK: OK, State.DEGRADED: WARN, State.LOST: ERROR, State.STALE: WARN}
# with fewer images by landmarks, of so many at least, the search does not fit the machine, or the map the scene
MIN_SHARE, ENOUGH_IMAGES = 0.5, 30
# processors and modules of this kind slow themselves down from about here on
HOT_C = 85.0
# between two lines of the log on how images arrive, which goes on as it is
ARRIVALS_PERIOD_S = 60.0


class NodeDiagnostics:
    """Reads the node's counters; a thread publishes them, by the computer's clock also where ROS time stands still."""

    def __init__(self, node: RelocalizationNode) -> None:
        self._node = node
        self._before_s, self._before = time.monotonic(), (0, 0, 0, 0)
        self._bodies_failed = 0

    def start(self) -> None:
        """Publish from now on."""
        self._updater = Updater()
        for task in (
            self.state,
            self.images,
            self.timing,
            self.camera,
            self.landmarks,
            self.outputs,
            self.tf,
            self.faults,
        ):
            self._updater.add(task.__name__, task)
        self._updater.add("temperature", temperature)
        threading.Thread(target=self._work, name="diagnostics", daemon=True).start()

    def state(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """State, and which model says so by which provider."""
        last, relocalizer = self._node.status.last, self._node.relocalizer
        state = State(last.state)
        found.summary(LEVELS[state], f"{state.name}: {last.reason}" if last.reason else state.name)
        found.add("score", f"{last.score:.3g}")
        found.add("bundle", f"{relocalizer.bundle.bundle_id} {relocalizer.bundle.path}")
        found.add("providers", ", ".join(relocalizer.providers))
        return found

    def images(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Rates since the last report, and counters."""
        status, newest, now_s = self._node.status, self._node.newest, time.monotonic()
        rejected = sum(status.rejected.values())
        counts = (newest.seen, status.localized, rejected, newest.dropped)
        seen, localized, new_rejected, dropped = (new - old for new, old in zip(counts, self._before))
        period_s, self._before_s, self._before = now_s - self._before_s, now_s, counts
        problems = [f"{new_rejected} images rejected"] if new_rejected else []
        complaint = self._node.arrivals.complaint
        if complaint:
            rospy.logwarn_throttle(ARRIVALS_PERIOD_S, complaint)
        problems += [one for one in (complaint, self._node.image_watch.complaint) if one]
        # before the first image no rate is too low, and one that nobody wants is never too late
        if newest.seen and status.last.activity == RelocalizerStatus.ANSWERING:
            problems += self._slow(seen / period_s, dropped / max(seen, 1))
        found.summary(WARN if problems else OK, "; ".join(problems) or "fine")
        found.add("images per second", f"{seen / period_s:.1f}")
        found.add("answers per second", f"{localized / period_s:.1f}")
        for name, count in (("answered", status.localized), ("lost", status.lost), ("skipped", status.skipped)):
            found.add(name, count)
        found.add("dropped", newest.dropped)
        found.add("rejected", rejected)
        for kind, count in sorted(status.rejected.items()):
            found.add(f"rejected ({kind})", count)
        return found

    def _slow(self, rate_hz: float, dropped: float) -> list[str]:
        """What is wrong with a rate and a share of dropped images, where they are beyond their limits."""
        params, problems = self._node.params, []
        if rate_hz < params.min_rate:
            problems.append(f"{rate_hz:.1f} images a second, expected {params.min_rate:g}")
        if dropped > params.max_dropped:
            problems.append(f"{100 * dropped:.0f} % dropped, allowed are {100 * params.max_dropped:g} %")
        return problems

    def landmarks(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """How refinements ended, whether they keep up, and why there are none of a model that has a map."""
        landmarks = self._node.localizer.landmarks
        counts, health = landmarks.counts, landmarks.health
        searched = f"{counts.total} images were searched" if counts.total else "not used"
        problems = [f"no pose is OK: {landmarks.why_not}"] if landmarks.why_not else self._behind(health)
        found.summary(WARN if problems else OK, "; ".join(problems) or searched)
        if not math.isnan(health.tracked_share):
            found.add("images by landmarks [%]", f"{100 * health.tracked_share:.0f}")
            found.add("images searched [%]", f"{100 * health.searched_share:.0f}")
            found.add("age of landmarks [s]", f"{health.age_s:.2f}")
            found.add("search [s]", f"{health.search_s:.2f}")
            found.add("search, processor [s]", f"{health.search_processor_s:.2f}")
        accepted = {"refined": counts.accepted} if counts.accepted else {}
        for kind, count in sorted({**accepted, **counts.rejected_by_kind}.items()):
            found.add(kind, count)
        return found

    def _behind(self, health: LandmarkHealth) -> list[str]:
        """In which way the search does not serve the images, once enough of them came to tell."""
        problems = [health.complaint] if health.complaint else []
        if len(self._node.status.recent) >= ENOUGH_IMAGES and health.tracked_share < MIN_SHARE:
            some = f"in {100 * health.tracked_share:.0f} % of the images" if health.tracked_share else "in no image"
            takes = "none has ended" if math.isnan(health.search_s) else f"one takes {health.search_s:.1f} s"
            problems.append(
                f"landmarks are followed {some}, in {100 * health.searched_share:.0f} % searched for; {takes}"
            )
        return problems

    def timing(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Of the newest poses: latency, inference and age."""
        recent, params, late = list(self._node.status.recent), self._node.params, []
        limits = {"latency": params.max_latency, "inference_time": math.inf, "age": params.max_age}
        for name, limit_s in limits.items() if recent else ():
            seconds = [value for status in recent if not math.isnan(value := getattr(status, name))]
            if not seconds:  # the network was spared all of them
                continue
            p50, p95 = np.percentile(seconds, [50, 95])
            found.add(f"{name} p50, p95 [ms]", f"{1e3 * p50:.1f}, {1e3 * p95:.1f}")
            if p95 > limit_s:
                late.append(f"{name} {1e3 * p95:.0f} ms, allowed are {1e3 * limit_s:.0f}")
        if recent:
            # as with the limits, one answer in twenty is enough
            youngest_s = float(np.percentile([status.age for status in recent], 5))
            complaint = clock_complaint(youngest_s, rospy.Time.now())
            late += [f"age {1e3 * youngest_s:.0f} ms: {complaint}"] if complaint else []
        basis = f"of the last {len(recent)} answers" if recent else "no answer yet"
        found.summary(WARN if late else OK, "; ".join([*late, basis]))
        return found

    def camera(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Whether camera_info is that of the camera the model was trained with."""
        match = self._node.camera.match
        level = OK if not match.complaint else WARN if match.is_usable else ERROR
        found.summary(level, match.complaint or "as trained, as far as known")
        return found

    def outputs(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """Which poses leave the node, for an autopilot too, and since the last report not for want of TF."""
        outputs, params = self._node.outputs, self._node.params
        found.summary(OK, "OK poses only" if params.publish_states == "ok" else "all poses that are not LOST")
        if outputs.body_pose is not None:
            failures, before = outputs.body_pose.failures, self._bodies_failed
            self._bodies_failed = failures
            frames = outputs.body_pose.frames
            if failures > before:
                found.summary(WARN, f"{failures - before} times no ~body_pose: {outputs.body_pose.why_not}")
            found.add("body pose", f"{frames.body} in {frames.parent}")
            found.add("body pose failures", failures)
        for name, predicted in (("pose", outputs.predicted), ("body pose", outputs.body_predicted)):
            if predicted is not None:
                found.add(f"predicted {name}", "runs" if predicted.is_running else "stands still")
        return found

    def tf(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """What is broadcast, or why not."""
        tf = self._node.tf
        if tf is None:
            found.summary(OK, "off")
            return found
        rival = tf.parent_watch.rival
        if rival:
            found.summary(ERROR, f"stopped: {rival} broadcasts {tf.frames.child} too")
        else:
            found.summary(OK, "listens for others first" if tf.parent_watch.is_listening else "on")
        found.add("frames", f"{tf.frames.child} in {tf.frames.parent}")
        found.add("failures", tf.failures)
        return found

    def faults(self, found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
        """What failed that should not have, since the node started."""
        failures = dict(self._node.faults.failures)
        summary = ", ".join(failures) + " failed; see the log" if failures else "none"
        found.summary(ERROR if failures else OK, summary)
        for name, count in failures.items():
            found.add(name, count)
        return found

    def _work(self) -> None:
        while not rospy.is_shutdown():
            with self._node.faults.isolated("/diagnostics"):
                self._updater.setHardwareID(self._node.relocalizer.bundle.bundle_id)
                self._updater.force_update()
            time.sleep(self._node.params.diagnostic_period)


def temperature(found: DiagnosticStatusWrapper) -> DiagnosticStatusWrapper:
    """The thermal zones that Linux lets read."""
    zones = dict(thermal_zones())
    hottest = max(zones.values(), default=None)
    if hottest is None:
        found.summary(OK, "not readable on this computer")
    else:
        found.summary(WARN if hottest >= HOT_C else OK, f"{hottest:.0f} degrees Celsius")
    for name, value in zones.items():
        found.add(name, f"{value:.1f}")
    return found
