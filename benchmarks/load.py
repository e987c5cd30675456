#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What is left of OK on a busy computer: a search for landmarks takes longer there, and images are dropped.

    python benchmarks/load.py --virtual --work out/load [--before OTHER_CHECKOUT]
    python benchmarks/load.py --live --work out/load_live [--before OTHER_CHECKOUT]    (--live --help tells more)

--virtual: in virtual time, so that it repeats exactly whatever else the computer does. Regression, search, tracker and
fusion are the product's own, on simulated flights at a placement that the model has never seen, in the hall of the map
and in others; the only thing changed is how long a search of a whole image takes (one near a tracked pose, or of a
smaller image, takes its share by the processor's time), and whether every second image is dropped. Flights are kept
below --work. With --before the same is done with the code of another checkout. Printed of each duration: share of
images whose pose is by landmarks, and share OK, which promises ok_position_m and ok_orientation_deg where a build does
so; how many of these are off by more than 10 cm or 5 degrees and by more than 25 cm or 10 degrees, the worst, median
and the shares of truths in the 90 % ellipsoids (of position, of orientation, of both in six dimensions), least and
greatest of a flight, of OK poses and of DEGRADED ones.
"""

from __future__ import annotations

from camera_relocalization_ros.core.program import prepare_process

# before NumPy, as in the node
prepare_process()

# isort: split
import argparse
import inspect
import json
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Iterator, Sequence
from unittest.mock import patch

import cv2
import numpy as np
from scipy.stats import chi2

from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.pose import Pose, pose_residual
from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks import live
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline
from camera_relocalization_ros.localization.relocalizer import Relocalizer

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "models" / "airframe"
PLACEMENT, RATE_HZ, WIDTH = 6, 10.0, 640
# seed of path and light, seed of the hall; the map is of hall 0
FLIGHTS = [(61, 0), (64, 99), (65, 98), (66, 97), (67, 0), (63, 99), (68, 98), (69, 97)]
DURATIONS_S = (0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
FAR, NONSENSE = (0.10, 5.0), (0.25, 10.0)
# of a residual: whose ellipsoids are looked at
PARTS = {"position": slice(0, 3), "orientation": slice(3, 6), "both": slice(0, 6)}
# of what a search of a whole image takes, what the network does
NETWORK_EFFORT = 0.2


@dataclass(frozen=True)
class Flight:
    """Images of one camera: stamps (n,) nanoseconds, true poses and grey images in the extractor's size."""

    name: str
    stamps_ns: np.ndarray
    truth: list[Pose]
    greys: list[np.ndarray]
    regressions: list[Estimate]


@dataclass(frozen=True)
class Answer:
    """What was published of an image, and how far off it is (6,): metres, then radians, about the parent's axes."""

    estimate: Estimate
    error: np.ndarray
    searched: bool


class VirtualTime:
    """A clock that stands still while anything but a search is computed; stands in for the module `time`."""

    def __init__(self) -> None:
        self.now_s = 0.0
        # into the search that runs
        self.searched_s = 0.0

    def monotonic(self) -> float:
        """As time.monotonic."""
        return self.now_s

    def perf_counter(self) -> float:
        """As time.perf_counter."""
        return self.now_s + self.searched_s

    thread_time = perf_counter


class VirtualWorker:
    """Stands in for a thread: what it is given is done at once, and handed out when its time is over."""

    def __init__(self, clock: VirtualTime) -> None:
        self._clock = clock
        self.submitted = 0

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """As Executor.submit; the result is there when the time is over that the search says to have taken."""
        self.submitted += 1
        clock = self._clock
        clock.searched_s = 0.0
        result = function(*arguments)
        done_s, clock.searched_s = clock.now_s + clock.searched_s, 0.0
        return SimpleNamespace(done=lambda: clock.now_s > done_s - 1e-6, result=lambda timeout=None: result)


def stream(
    flight: Flight, pipeline: LandmarkPipeline, search_s: float, rate_hz: float = 5.0, contract: Any = None
) -> Iterator[Answer]:
    """Each image of a flight as the node would localize it, were a search of a whole image to take so many seconds.

    contract: an OkContract, which has the last word on OK; None in builds that have none.
    """
    clock, real_refine = VirtualTime(), pipeline.refine

    def refine(*arguments: Any) -> Any:
        refined = real_refine(*arguments)
        # the build before searches whole images alone, and has no word for it
        clock.searched_s += search_s * getattr(refined, "effort", 1.0)
        return refined

    by_stamp = {regression.stamp_ns: regression for regression in flight.regressions}

    def looked_at(_: np.ndarray, stamp_ns: int) -> Estimate:
        clock.searched_s += NETWORK_EFFORT * search_s
        return replace(by_stamp[stamp_ns], inference_s=NETWORK_EFFORT * search_s)

    grey_already = patch.object(pipeline, "grey", lambda grey: grey)
    with patch.object(live, "time", clock), grey_already, patch.object(pipeline, "refine", refine):
        # the build before lets every image wait for the network
        regress = [looked_at] if "regress" in inspect.signature(live.BackgroundLandmarks).parameters else []
        landmarks = live.BackgroundLandmarks(lambda _: pipeline, *regress, rate_hz, live.RefinementCounts())
        landmarks.close()
        worker = landmarks._worker = VirtualWorker(clock)
        if regress:
            landmarks._looks._thread = VirtualWorker(clock)
        frames = zip(flight.stamps_ns.tolist(), flight.truth, flight.greys, flight.regressions)
        for stamp_ns, truth, grey, regression in frames:
            regression = replace(regression, inference_s=NETWORK_EFFORT * search_s)
            clock.now_s = (stamp_ns - int(flight.stamps_ns[0])) * 1e-9
            landmarks.pause()
            estimate, before = answer(landmarks, grey, regression), worker.submitted
            landmarks.refine()
            estimate = contract.settle(estimate) if contract is not None else estimate
            yield Answer(estimate, pose_residual(estimate.pose, truth), worker.submitted > before)


def answer(landmarks: Any, grey: np.ndarray, regression: Estimate) -> Estimate:
    """The best pose of an image; the network looks at it where it must, or always in builds that know no better."""
    takes_pictures = hasattr(landmarks, "is_tracking")
    image = SimpleNamespace(grey=grey, rgb=grey) if takes_pictures else grey
    tracked = getattr(landmarks, "estimate_tracked", lambda _image, _stamp_ns: None)(image, regression.stamp_ns)
    return tracked if tracked is not None else landmarks.estimate(image, regression)


def recorded(work: Path, seed: int, hall: int, seconds: float) -> Path:
    """The file of a simulated flight: stamps, true poses and JPEGs; flown now if it is not there."""
    path = work / f"placement{PLACEMENT}_seed{seed}_hall{hall}_{seconds:g}s.npz"
    if not path.is_file():
        from camera_relocalization_ros.simulation.recording import FlightPlan, Recording  # needs a renderer

        recording = Recording(FlightPlan(PLACEMENT, seconds, RATE_HZ, seed, hall, WIDTH))
        stamps_ns, jpegs = zip(*recording.images())
        T_map_camera = recording.flight.T_map_camera(recording.seconds(np.array(stamps_ns)))
        T_object_camera = invert(recording.T_map_airframe) @ T_map_camera
        ends = np.cumsum([jpeg.size for jpeg in jpegs])
        content = np.concatenate([jpeg.ravel() for jpeg in jpegs])
        work.mkdir(parents=True, exist_ok=True)
        np.savez(path, stamps_ns=np.array(stamps_ns), T_object_camera=T_object_camera, ends=ends, jpegs=content)
    return path


def load_flight(path: Path, relocalizer: Relocalizer, every: int) -> Flight:
    """A recorded flight of which every so many-th image arrives, with what the network says of these."""
    with np.load(path) as arrays:
        stamps_ns, T_object_camera = arrays["stamps_ns"][::every], arrays["T_object_camera"][::every]
        jpegs = np.split(arrays["jpegs"], arrays["ends"][:-1])[::every]
    extractor = pipeline_for(relocalizer).refiner.extractor
    greys, regressions = [], []
    relocalizer.reset()
    for stamp_ns, jpeg in zip(stamps_ns, jpegs):
        image_rgb = cv2.cvtColor(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        greys.append(extractor.grey(image_rgb))
        regressions.append(relocalizer.estimate(image_rgb, int(stamp_ns)))
    return Flight(path.stem, stamps_ns, [Pose.from_matrix(T) for T in T_object_camera], greys, regressions)


def pipeline_for(relocalizer: Relocalizer) -> LandmarkPipeline:
    """Landmarks as the simulated camera shows them."""
    from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA

    camera = X3_CAMERA.scaled(WIDTH, WIDTH * 9 // 16)
    assert relocalizer.bundle.landmark_map is not None
    # builds before search for what confirms a pose whatever the bundle
    tells = getattr(relocalizer.bundle, "tells_confirmed", None)
    options = {} if tells is None else {"tells_confirmed": tells}
    return LandmarkPipeline(relocalizer.bundle.landmark_map, camera, **options)


def figures(answers: Sequence[Answer]) -> dict[str, float]:
    """Of a flight: images, OK ones, of these those FAR off and NONSENSE, worst, median, and truths in ellipsoids."""
    is_ok = np.array([answer.estimate.state is State.OK for answer in answers])
    errors = np.array([answer.error for answer in answers])[is_ok].reshape(-1, 6)
    metres, degrees = np.linalg.norm(errors[:, :3], axis=1), np.degrees(np.linalg.norm(errors[:, 3:], axis=1))
    degraded = [answer for answer in answers if answer.estimate.state is State.DEGRADED]
    return {
        "images": len(answers),
        "by_landmarks": sum(answer.estimate.stage is not Stage.REGRESSION for answer in answers),
        "ok": int(is_ok.sum()),
        "far": int(((metres > FAR[0]) | (degrees > FAR[1])).sum()),
        "nonsense": int(((metres > NONSENSE[0]) | (degrees > NONSENSE[1])).sum()),
        "worst_m": float(metres.max(initial=0.0)),
        "worst_deg": float(degrees.max(initial=0.0)),
        "median_m": float(np.median(metres)) if len(metres) else float("nan"),
        **inside([answer for answer in answers if answer.estimate.state is State.OK], "inside"),
        "degraded": len(degraded),
        **inside(degraded, "degraded_inside"),
        "searched": sum(answer.searched for answer in answers),
    }


def inside(answers: Sequence[Answer], key: str) -> dict[str, float]:
    """The share of truths in the 90 % ellipsoids of each of PARTS, by key_part; NaN of none."""

    def is_inside(answer: Answer, part: slice) -> bool:
        error, covariance = answer.error[part], answer.estimate.covariance
        return covariance is not None and bool(
            error @ np.linalg.solve(covariance[part, part], error) <= chi2.ppf(0.9, len(error))
        )

    return {
        f"{key}_{name}": float(np.mean([is_inside(answer, part) for answer in answers])) if answers else float("nan")
        for name, part in PARTS.items()
    }


def measure(arguments: argparse.Namespace) -> dict[str, list[dict[str, float]]]:
    """`figures` of each flight by "search_s every", with the code that runs this."""
    relocalizer = Relocalizer.from_bundle(arguments.bundle, threads=1)
    pipeline, found = pipeline_for(relocalizer), {}
    for seed, hall in FLIGHTS[: arguments.flights]:
        path = recorded(arguments.work, seed, hall, arguments.seconds)
        for every in arguments.every:
            flight = load_flight(path, relocalizer, every)
            for search_s in arguments.search:
                pipeline.reset()
                row = figures(list(stream(flight, pipeline, search_s, contract=getattr(relocalizer, "contract", None))))
                found.setdefault(f"{search_s:g} {every}", []).append(row)
                print(f"{flight.name} every {every} search {search_s:g} s: {row}", file=sys.stderr, flush=True)
    return found


def measured_before(checkout: Path, arguments: Sequence[str]) -> dict[str, list[dict[str, float]]]:
    """As `measure`, with the code of another checkout in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve())}
    command = [sys.executable, __file__, *arguments, "--json"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, cwd="/")
    rows: dict[str, list[dict[str, float]]] = json.loads(done.stdout)
    return rows


def table(rows: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    """A line for each duration, of all flights together."""
    for key, flights in rows.items():
        search_s, every = key.split()
        total = {
            name: sum(flight[name] for flight in flights)
            for name in ("images", "by_landmarks", "ok", "far", "nonsense", "degraded")
        }
        worst_m, worst_deg = (max(flight[name] for flight in flights) for name in ("worst_m", "worst_deg"))
        of_ok, of_degraded = (
            ", ".join(
                f"{name} {np.nanmin(shares):.0%} to {np.nanmax(shares):.0%}"
                for name, shares in ((name, [flight[f"{key}_{name}"] for flight in flights]) for name in PARTS)
            )
            for key in ("inside", "degraded_inside")
        )
        median_m = np.nanmedian([flight["median_m"] for flight in flights])
        yield (
            f"search {float(search_s):4.1f} s, every {every}: by landmarks "
            f"{total['by_landmarks'] / total['images']:6.1%}, OK {total['ok'] / total['images']:6.1%}, "
            f"of {total['ok']} {total['far']} far, {total['nonsense']} nonsense, "
            f"worst {worst_m:.2f} m {worst_deg:.1f} deg, median {100 * median_m:.1f} cm, "
            f"in the 90 % ellipsoids, by flight: {of_ok}; of {total['degraded']} DEGRADED {of_degraded}"
        )


def main() -> None:
    if "--live" in sys.argv[1:]:
        # it needs ROS, which time that is made up does not
        import load_live

        load_live.main([one for one in sys.argv[1:] if one != "--live"])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--virtual", action="store_true", required=True, help="in virtual time; or --live")
    parser.add_argument("--bundle", type=Path, default=SHIPPED)
    parser.add_argument("--work", type=Path, default=Path("out/load"), help="where flights are kept (%(default)s)")
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="another checkout, whose code runs beside")
    parser.add_argument("--flights", type=int, default=len(FLIGHTS), help="so many of the flights (%(default)s)")
    parser.add_argument("--seconds", type=float, default=24.0, help="of each flight (%(default)s)")
    parser.add_argument("--search", type=float, nargs="+", default=DURATIONS_S, metavar="SECONDS")
    parser.add_argument("--every", type=int, nargs="+", default=(1, 2), help="of so many images one is not dropped")
    parser.add_argument("--json", action="store_true", help="print the figures of each flight for programs")
    arguments = parser.parse_args()
    arguments.work, arguments.bundle = arguments.work.resolve(), arguments.bundle.resolve()
    rows = measure(arguments)
    if arguments.json:
        print(json.dumps(rows))
        return
    print("\n".join(table(rows)))
    if arguments.before:
        # the shipped bundle may have a calibration of now; the same network and map are in the other checkout
        is_shipped = arguments.bundle == SHIPPED
        forwarded = [
            "--virtual",
            "--bundle",
            arguments.before.resolve() / SHIPPED.relative_to(ROOT) if is_shipped else arguments.bundle,
            "--work",
            arguments.work,
            "--flights",
            arguments.flights,
        ]
        forwarded += ["--seconds", arguments.seconds, "--search", *arguments.search, "--every", *arguments.every]
        print("\n".join(["before:", *table(measured_before(arguments.before, [str(word) for word in forwarded]))]))


if __name__ == "__main__":
    main()
