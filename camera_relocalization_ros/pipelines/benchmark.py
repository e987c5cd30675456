# SPDX-License-Identifier: BSD-3-Clause
"""A bundle on this computer: what network, search and tracking take, and which settings of the node follow."""

from __future__ import annotations

import math
import resource
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterator, Sequence

import numpy as np

from camera_relocalization_ros.bundle.model_bundle import Bundle
from camera_relocalization_ros.bundle.reference_outputs import patchwork_images
from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.core.progress import Progress, reporting, tracked
from camera_relocalization_ros.localization.hardware import thermal_zones, usable_cores
from camera_relocalization_ros.localization.landmarks.agreement import Prior
from camera_relocalization_ros.localization.landmarks.health import HealthMeter
from camera_relocalization_ros.localization.landmarks.pipeline import LandmarkPipeline, whole_image_effort
from camera_relocalization_ros.localization.onnx_session import CPU
from camera_relocalization_ros.localization.relocalizer import Relocalizer

WARM_UP, MADE_UP_IMAGES, SEARCHES = 5, 40, 15
PERIOD_NS = 100_000_000
# of the time between two images, what an estimate may take of it; of the cores, what is left to ROS and other nodes
BUSY_SHARE, OTHERS_CORES = 0.8, 0.3
# more threads are worth their cores where the time for an image shrinks by this
WORTH_A_THREAD = 0.85
# of the clock's time to the processor's, of one thread that has a core to itself
DISTURBED = 1.4
# a search runs beside all else, at the lowest priority: on an idle computer it hardly waits, on a busy one for seconds
SEARCH_DISTURBED = 2.0
DISTURBANCE = "other programs kept this computer busy: end them and measure again, these times are not its own"
# searches a second: what the node asks for by default, and below what a drift of tracked landmarks is not caught
DEFAULT_SEARCHES, LEAST_SEARCHES = 5.0, 0.5


@dataclass(frozen=True)
class Times:
    """Of one thing, several times: seconds on the clock that half and 95 of 100 take, and of the processor each."""

    median_s: float
    p95_s: float
    processor_s: float


class Stopwatch:
    """Measures the same work again and again."""

    def __init__(self) -> None:
        self._clock_s: list[float] = []
        self._processor_s = 0.0

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """The block is measured once more."""
        clock_s, processor_s = time.perf_counter(), time.process_time()
        yield
        self._clock_s.append(time.perf_counter() - clock_s)
        self._processor_s += time.process_time() - processor_s

    def times(self) -> Times | None:
        """What was measured; None where nothing was."""
        if not self._clock_s:
            return None
        median_s, p95_s = (float(value) for value in np.percentile(self._clock_s, [50, 95]))
        return Times(median_s, p95_s, self._processor_s / len(self._clock_s))


@dataclass(frozen=True)
class Benchmark:
    """What was measured: network by threads, tracking and search (None without a map), memory and temperatures.

    images: width and height. are_made_up: images of patches, in which a search finds less than in photographs.
    memory_bytes: the most that the process had. temperatures: before and after, of the hottest zone; NaN: not readable.
    """

    bundle: str
    provider: str
    cores: int
    image_width: int
    image_height: int
    are_made_up: bool
    network: dict[int, Times]
    tracking: Times | None
    search: Times | None
    memory_bytes: int
    hottest_before_c: float
    hottest_after_c: float

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs took the cores meanwhile: one thread waited longer than it computed, or the search."""
        alone, search = self.network.get(1), self.search
        return (alone is not None and alone.median_s > DISTURBED * alone.processor_s) or (
            search is not None and search.median_s > SEARCH_DISTURBED * search.processor_s
        )

    def to_dict(self) -> dict[str, Any]:
        """All numbers, as plain values for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Advice:
    """Settings for a camera of a rate: whether the computer can do it, the most it can, and what to set."""

    camera_rate: float
    is_enough: bool
    most_images_per_s: float
    threads: int
    refinement_rate: float
    text: str


def benchmark_bundle(
    bundle: Path | str,
    images: Sequence[np.ndarray] = (),
    *,
    camera: CameraIntrinsics | None = None,
    threads: Sequence[int] = (),
    provider: str = CPU,
    progress: Progress | None = None,
) -> Benchmark:
    """Measure a bundle on images (H, W, 3) uint8 that follow one another; without any, on made-up ones.

    camera: of the images, else that of training. threads: numbers of them to try, else 1, 2, 4 and so on up to the
    cores. Raises BundleError, and FrameError when an image does not fit the model.
    """
    cores, before = usable_cores(), _hottest()
    tried = tuple(threads) or tuple(dict.fromkeys([*(n for n in (1, 2, 4, 8, 16) if n <= cores), cores]))
    network = {}
    with reporting(progress):
        for count in tracked(tried, "network by threads", "setting"):
            relocalizer = Relocalizer.from_bundle(bundle, (provider,), count)
            shown = images or _made_up(relocalizer.bundle, camera)
            network[count] = _network_times(relocalizer, shown)
        tracking, search = _landmark_times(relocalizer, shown, camera)
    height, width = shown[0].shape[:2]
    return Benchmark(
        bundle=str(bundle),
        provider=relocalizer.providers[0],
        cores=cores,
        image_width=width,
        image_height=height,
        are_made_up=not images,
        network=network,
        tracking=tracking,
        search=search,
        # Linux counts in KiB
        memory_bytes=1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        hottest_before_c=before,
        hottest_after_c=_hottest(),
    )


def advise(measured: Benchmark, camera_rate: float) -> Advice:
    """What to set for a camera of so many images a second, from what was measured."""
    threads = _threads_worth_it(measured.network)
    network, tracking = measured.network[threads], measured.tracking
    image_s = network.p95_s + (tracking.p95_s if tracking else 0.0)
    most, used = BUSY_SHARE / image_s, network.processor_s + (tracking.processor_s if tracking else 0.0)
    rate = min(camera_rate, most)
    left = measured.cores - OTHERS_CORES - rate * used
    refinement_rate, complaint = -1.0, ""
    if measured.search is not None:
        search, complaint = _search_in_flight(measured.search)
        # one thread searches, and an image makes it wait
        alone, beside = BUSY_SHARE / search.median_s, left / search.processor_s
        refinement_rate = max(0.0, min(DEFAULT_SEARCHES, alone, beside))
    is_fast, searches = most >= camera_rate, measured.search is None or refinement_rate >= LEAST_SEARCHES
    return Advice(
        camera_rate=camera_rate,
        is_enough=is_fast and searches and not complaint,
        most_images_per_s=most,
        threads=threads,
        refinement_rate=math.floor(10 * refinement_rate) / 10,
        text=_advice_text(is_fast, searches, complaint, most, camera_rate),
    )


def benchmark_text(measured: Benchmark, advice: Advice) -> str:
    """Both as a table and sentences."""
    kind = "made-up images; --bag takes your own" if measured.are_made_up else "images"
    lines = [
        f"{measured.bundle} on {measured.cores} cores, {measured.provider}, "
        f"{kind} of {measured.image_width}x{measured.image_height}",
        f"{'':<26}{'median':>10}{'p95':>10}{'processor':>12}",
        *(_row(f"network, {count} threads", times) for count, times in measured.network.items()),
        *([_row("tracking landmarks", measured.tracking)] if measured.tracking else []),
        *_search_rows(measured.search),
        f"memory: {measured.memory_bytes / 1e6:.0f} MB at most; temperature: {_degrees(measured)}",
        *([DISTURBANCE] if measured.is_disturbed else []),
        f"{'good' if advice.is_enough else 'BAD'}: {advice.text}",
        f"set: threads: {advice.threads}, refinement_rate: {advice.refinement_rate:g}, camera at no more than "
        f"{advice.most_images_per_s:.0f} images a second",
    ]
    return "\n".join(lines)


def _search_rows(search: Times | None) -> list[str]:
    """What a search takes as measured, and, where the node would make it smaller, as in flight: that is judged."""
    if search is None:
        return []
    in_flight, _ = _search_in_flight(search)
    shorter = [_row("the same, as in flight", in_flight)] if in_flight.median_s < search.median_s else []
    return [_row("search of a whole image", search), *shorter]


def _search_in_flight(search: Times) -> tuple[Times, str]:
    """What a search takes once the node has measured one, by the node's own measure, and what that complains of.

    Where one of the whole image takes longer than the budget, the node makes the next of a smaller image.
    """
    meter = HealthMeter()
    meter.ended(search.median_s, search.processor_s)
    effort = whole_image_effort(meter.scale)
    scaled = Times(search.median_s * effort, search.p95_s * effort, search.processor_s * effort)
    meter = HealthMeter()
    meter.ended(scaled.median_s, scaled.processor_s, effort)
    return scaled, meter.health.complaint


def _advice_text(is_fast: bool, searches: bool, complaint: str, most: float, camera_rate: float) -> str:
    if not is_fast:
        return f"not enough for {camera_rate:g} images a second: it can do {most:.1f}; slow the camera down"
    if not searches:
        return (
            f"{camera_rate:g} images a second are fine, but nothing is left to search for landmarks: poses will be "
            "the network's alone, to decimetres; slow the camera down, or take a computer with more cores"
        )
    if complaint:
        return (
            f"{camera_rate:g} images a second are fine, but {complaint}: landmarks are old when they are found, and "
            "fewer poses are OK; take smaller images or a computer with faster cores"
        )
    return f"enough for {camera_rate:g} images a second; it can do {most:.0f}"


def _threads_worth_it(network: dict[int, Times]) -> int:
    """The fewest threads beyond which an image takes hardly less: others leave cores to the search."""
    counts = sorted(network)
    chosen = counts[0]
    for count in counts[1:]:
        if network[count].median_s < WORTH_A_THREAD * network[chosen].median_s:
            chosen = count
    return chosen


def _network_times(relocalizer: Relocalizer, images: Sequence[np.ndarray]) -> Times:
    for row, image_rgb in enumerate(images[:WARM_UP]):
        relocalizer.estimate(image_rgb, row * PERIOD_NS)
    relocalizer.reset()
    watch = Stopwatch()
    for row, image_rgb in enumerate(images):
        with watch.measuring():
            relocalizer.estimate(image_rgb, row * PERIOD_NS)
    times = watch.times()
    assert times is not None, "there are images"
    return times


def _landmark_times(
    relocalizer: Relocalizer, images: Sequence[np.ndarray], camera: CameraIntrinsics | None
) -> tuple[Times | None, Times | None]:
    """Of tracking (None where nothing was found to track) and of the search of a whole image."""
    landmark_map, camera = relocalizer.bundle.landmark_map, camera or relocalizer.bundle.sidecar.camera
    if landmark_map is None or camera is None:
        return None, None
    pipeline = LandmarkPipeline(landmark_map, camera)
    tracking, searching, follows = Stopwatch(), Stopwatch(), False
    relocalizer.reset()
    for row, image_rgb in enumerate(tracked(images[:SEARCHES], "landmarks", "image")):
        regression, grey = relocalizer.estimate(image_rgb, row * PERIOD_NS), pipeline.grey(image_rgb)
        with tracking.measuring() if follows else nullcontext():
            pipeline.track(grey, regression)
        with searching.measuring():
            refined = pipeline.refine(grey, regression, Prior(regression))
        if refined.decision.is_accepted:
            pipeline.start_tracking(refined)
            follows = True
    return tracking.times(), searching.times()


def _made_up(bundle: Bundle, camera: CameraIntrinsics | None) -> list[np.ndarray]:
    camera, size = camera or bundle.sidecar.camera, bundle.sidecar.preprocessing
    width, height = (camera.width, camera.height) if camera else (size.width, size.height)
    return list(patchwork_images(width, height, MADE_UP_IMAGES))


def _hottest() -> float:
    return max((degrees for _, degrees in thermal_zones()), default=math.nan)


def _row(name: str, times: Times) -> str:
    cells = "".join(f"{1e3 * value:>7.1f} ms" for value in (times.median_s, times.p95_s))
    return f"{name:<26}{cells}{1e3 * times.processor_s:>9.1f} ms"


def _degrees(measured: Benchmark) -> str:
    if math.isnan(measured.hottest_after_c):
        return "not readable on this computer"
    return f"{measured.hottest_before_c:.0f} to {measured.hottest_after_c:.0f} degrees Celsius"
