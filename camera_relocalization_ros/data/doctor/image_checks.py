# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the images: do they decode, are they sharp and well exposed, is none there twice?"""

from __future__ import annotations

from collections import Counter
from typing import Sequence

import numpy as np

from camera_relocalization_ros.core.camera import CameraIntrinsics
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.doctor.finding import BAD, LOOK, OK, Finding, level_of
from camera_relocalization_ros.data.doctor.image_measures import ImageMeasures
from camera_relocalization_ros.data.still_pictures import ranges_of

# a frame with less than this share of the median sharpness is blurred (or looks at a bare wall)
BLURRED = 0.2
# images of which the typical one is softer than this are out of focus as a whole
SOFT = 10.0
# mean grey values, and shares of clipped pixels, beyond which an image is badly exposed
DARK, BRIGHT, MAX_SHADOWS, MAX_HIGHLIGHTS = 30.0, 225.0, 0.4, 0.25
WORST = 6
# a driver that repeats itself does so within this many frames
NEIGHBOURS = 5


def check_files(measures: ImageMeasures, cameras: Sequence[CameraIntrinsics | None], scaled_from: str = "") -> Finding:
    """Every image decodes, and has the size that its camera's intrinsics are for.

    scaled_from: the size that the intrinsics were for when they were imported, "" where it is the same.
    """
    broken = int((~measures.is_readable).sum())
    sizes = Counter(map(tuple, measures.sizes[measures.is_readable].tolist()))
    values = {"unreadable": broken, "sizes": {f"{w}x{h}": count for (w, h), count in sizes.items()}}
    if broken:
        return Finding("image files", BAD, f"{broken} images do not decode or are missing; extract them again", values)
    listed = ", ".join(f"{count} of {w}x{h}" for (w, h), count in sizes.most_common())
    if len(sizes) > 1 and len(set(cameras)) == 1:
        return Finding("image files", BAD, f"images of different sizes ({listed}); one camera makes one size", values)
    for (width, height), camera in zip(measures.sizes.tolist(), cameras):
        if camera and (camera.width, camera.height) != (width, height):
            known = f"{camera.width}x{camera.height}"
            sentence = f"images are {width}x{height}, the intrinsics are for {known}; correct them"
            return Finding("image files", BAD, sentence, values)
    if len(sizes) > 1 or len(set(cameras)) > 1:
        sentence = f"all {len(measures.sizes)} images decode: {listed}, by {len(set(cameras))} cameras"
        return Finding("image files", OK, sentence, values)
    (width, height), _ = sizes.most_common(1)[0]
    note = f"; the intrinsics were for {scaled_from} and were scaled when they were imported" if scaled_from else ""
    return Finding("image files", OK, f"all {len(measures.sizes)} images decode and are {width}x{height}{note}", values)


def check_still(dataset: Dataset, measures: ImageMeasures) -> Finding:
    """Pictures that stand still while the poses move; values["ranges"] has the numbers of those of each sequence."""
    ends = np.cumsum([len(sequence.frames) for sequence in dataset.sequences])
    found = dict(zip((s.name for s in dataset.sequences), np.split(measures.is_still, ends[:-1])))
    count = int(measures.is_still.sum())
    numbers = {s.name: [frame.number for frame in s.frames] for s in dataset.sequences}
    ranges = {name: ranges_of(numbers[name], mask) for name, mask in found.items() if mask.any()}
    values = {"still": count, "ranges": ranges}
    if not count:
        return Finding("still picture", OK, "the picture moves where the poses do", values)
    first = next(iter(ranges.items()))
    sentence = (
        f"in {count} of {dataset.frame_count} frames the picture stands still while the poses move (a frozen video "
        f"link?), first in {first[0]}, frames {first[1][0][0]} to {first[1][0][1]}; leave them out"
    )
    return Finding("still picture", BAD, sentence, values)


def check_blur(measures: ImageMeasures) -> Finding:
    """Frames far less sharp than the typical one; values["worst"] has rows of the least sharp, worst first."""
    if not measures.is_readable.any():
        return Finding("blur", BAD, "no image decodes")
    ratio, median = measures.relative_sharpness, measures.median_sharpness
    blurred = int(np.sum(ratio < BLURRED))
    worst = [int(row) for row in np.argsort(ratio)[:WORST] if ratio[row] < BLURRED]
    values = {"blurred": blurred, "median_sharpness": median, "worst": worst}
    if median < SOFT:
        sentence = f"the typical image is soft (sharpness {median:.0f}, expected above {SOFT:.0f}); check the focus"
        return Finding("blur", LOOK, sentence, values)
    level = level_of(blurred / len(ratio), 0.02, 0.1)
    advice = "" if level == OK else "; look at the worst below, fly slower or shorten the exposure"
    share = f"{blurred} of {len(ratio)} images have less than {100 * BLURRED:.0f} % of the typical sharpness"
    return Finding("blur", level, share + advice, values)


def check_exposure(measures: ImageMeasures) -> Finding:
    """Frames that are too dark or too bright; values["worst"] has rows of the most clipped, worst first."""
    is_dark = (measures.brightness < DARK) | (measures.shadows > MAX_SHADOWS)
    is_bright = (measures.brightness > BRIGHT) | (measures.highlights > MAX_HIGHLIGHTS)
    is_bad = is_dark | is_bright
    clipped = np.where(is_bad, np.nan_to_num(np.abs(measures.brightness - 128.0)), -1.0)
    worst = [int(row) for row in np.argsort(-clipped)[:WORST] if is_bad[row]]
    values = {"dark": int(is_dark.sum()), "bright": int(is_bright.sum()), "worst": worst}
    level = level_of(float(is_bad.mean()), 0.02, 0.2)
    advice = "" if level == OK else "; look at the worst below and set the camera's exposure"
    counts = f"{values['dark']} too dark and {values['bright']} too bright of {len(is_bad)} images"
    return Finding("exposure", level, counts + advice, values)


def check_duplicates(measures: ImageMeasures) -> Finding:
    """Images whose files are equal to the byte; values["pairs"] has rows of an image and of its first twin."""
    first: dict[str, int] = {}
    pairs = []
    for row, digest in enumerate(measures.digests):
        if digest and first.setdefault(digest, row) != row:
            pairs.append([first[digest], row])
    far = sum(second - first > NEIGHBOURS for first, second in pairs)
    values = {"duplicates": len(pairs), "far": far, "pairs": pairs[:100]}
    if not pairs:
        return Finding("duplicates", OK, "no image is there twice", values)
    share = f"{len(pairs)} of {len(measures.digests)} images are equal to an earlier one to the byte"
    if far:
        advice = f"{far} of them to one far away; a recording that was imported twice? take one of each out"
        return Finding("duplicates", BAD, f"{share}, {advice}", values)
    advice = "the camera's driver repeats itself; ask it for fewer frames a second, or take one of each out"
    return Finding("duplicates", LOOK, f"{share}: {advice}", values)
