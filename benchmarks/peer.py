#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Structure from motion as a localizer (hloc's way, by pycolmap) beside bundles with a map: same splits, same run.

    pip install pycolmap
    python benchmarks/photographs.py FOLDER --work out/photographs
    python benchmarks/peer.py out/photographs
    python benchmarks/peer.py tankard_bundle tankard@holdout.train tankard@holdout.test [BUNDLE TRAIN TEST ...]

The peer: COLMAP's SIFT (as many points as it likes, images in full size), training images matched with their nearest by
the network's descriptors and triangulated with the poses of the data set, each test image matched with the training
images that look most alike, and PnP with COLMAP's local optimisation and refinement. Time is of one test image from
pixels to pose; making the peer's model and the bundle's map is not in it.

One table of all sets, in Markdown, of all test frames. Median, 95th percentile: of those that have a pose, in the
scene's units. Poses: how many have one. Within: 5 cm and 5 degrees. OK: what a bundle calls so; the peer does not say
how far it errs, so of its poses those that are, by the truth, within what OK promises, 10 cm and 3 degrees. False: OK
poses (of the peer's: all) off by more than 25 cm or 10 degrees. In the 90 % ellipsoids of position / rotation: of OK
poses. Metres of a scene of any scale are what its map takes for them. The bundle's rows: the regression, what is
published, and the same with one and the same pose in place of the regression.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pycolmap
from refinement import CENTIMETRES, NONSENSE

from camera_relocalization_ros.core.camera import PLUMB_BOB, CameraIntrinsics
from camera_relocalization_ros.core.errors import ConfigError
from camera_relocalization_ros.core.geometry import invert
from camera_relocalization_ros.core.pose import Pose, Poses
from camera_relocalization_ros.core.pose_errors import PoseErrors, pose_errors, within
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.data.dataset import Dataset, Frame, load_image_rgb
from camera_relocalization_ros.evaluation.baselines import baseline_errors
from camera_relocalization_ros.evaluation.consistency import coverage, normalized_squares
from camera_relocalization_ros.localization.classify import OkLimits
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.staged_relocalizer import StagedRelocalizer
from camera_relocalization_ros.localization.relocalizer import Relocalizer

NOWHERE = Pose(np.full(3, np.nan), np.full(4, np.nan))
COLUMNS = "set", "method", "median", "95 %", "poses", "within", "OK", "false", "in the 90 % ellipsoids", "time"


@dataclass(frozen=True)
class Localized:
    """What a method made of the test frames: poses, which of them it stands for (n,), and seconds of an image.

    is_ok is None for a method that does not say. inside: shares of the truths of OK poses in the 90 % ellipsoids of
    position and of orientation. metre: what the map takes for one, in units of the scene, which errors are in.
    """

    name: str
    errors: PoseErrors
    is_ok: np.ndarray | None
    seconds: float
    inside: tuple[float, ...] = ()
    metre: float = 1.0

    def _within(self, limits: tuple[float, float]) -> np.ndarray:
        return within(self.errors, limits[0] * self.metre, limits[1])

    def cells(self) -> list[str]:
        """All COLUMNS but the first."""
        known = np.isfinite(self.errors.position_m)
        of_all = (self.errors.position_m[known], self.errors.orientation_deg[known])
        pairs = zip(*(np.percentile(e, [50, 95]) if len(e) else [np.nan] * 2 for e in of_all))
        figures = [f"{length:.3g} {degrees:.2f}°" for length, degrees in pairs]
        limits = OkLimits()
        promised = self._within((limits.position_m, np.degrees(limits.orientation_rad)))
        is_ok, stood_for = (promised, known) if self.is_ok is None else (self.is_ok, self.is_ok)
        stands = [f"{is_ok.mean():.1%}", f"{(stood_for & ~self._within(NONSENSE)).sum()}"]
        timed = f"{1e3 * self.seconds:.0f} ms" if self.seconds else ""
        inside = " / ".join(f"{share:.0%}" for share in self.inside)
        share = f"{self._within(CENTIMETRES).mean():.1%}"
        return [
            self.name,
            *figures,
            f"{known.mean():.1%}",
            share,
            *(stands if self.seconds else ("", "")),
            inside,
            timed,
        ]


@dataclass(frozen=True)
class Limits:
    """Of the peer: images that one is matched with, features of an image, and its longer side (-1: as it is)."""

    partners: int = 20
    features: int = 8192
    side: int = -1


class Peer:
    """COLMAP's features of all images below a folder, and the training images' points."""

    def __init__(self, folder: Path, frames: list[Frame], camera: CameraIntrinsics, limits: Limits) -> None:
        self._folder, self._database, self._limits = folder, folder / "features.db", limits
        (folder / "images").mkdir()
        self._camera = colmap_camera(camera)
        self._frames = {self._take(number, frame): frame for number, frame in enumerate(frames)}
        self._model = pycolmap.Reconstruction()

    def _take(self, number: int, frame: Frame) -> str:
        path = Path(frame.image_path).resolve()
        name = f"{number:06d}{path.suffix}"
        (self._folder / "images" / name).symlink_to(path)
        return name

    def names(self, first: int, last: int) -> list[str]:
        """Of the images of some frames."""
        return list(self._frames)[first:last]

    def extract(self, names: list[str]) -> None:
        """Features of images into the database."""
        reader, sift = pycolmap.ImageReaderOptions(), pycolmap.FeatureExtractionOptions()
        sift.sift.max_num_features, sift.max_image_size = self._limits.features, self._limits.side
        reader.camera_model, reader.camera_params = self._camera.model.name, ",".join(map(str, self._camera.params))
        mode = pycolmap.CameraMode.SINGLE
        images = self._folder / "images"
        pycolmap.extract_features(
            self._database,
            images,
            image_names=names,
            camera_mode=mode,
            reader_options=reader,
            extraction_options=sift,
            device=pycolmap.Device.cpu,
        )

    def match(self, pairs: list[tuple[str, str]]) -> None:
        """Matches of pairs of images that fit two views of one scene, into the database."""
        path = self._folder / "pairs.txt"
        path.write_text("".join(f"{a} {b}\n" for a, b in pairs), encoding="utf-8")
        options = pycolmap.ImportedPairingOptions()
        options.match_list_path = path
        pycolmap.match_image_pairs(self._database, pairing_options=options, device=pycolmap.Device.cpu)

    def triangulate(self, names: list[str]) -> int:
        """Points by the matches of images of known poses; how many there are."""
        with pycolmap.Database.open(self._database) as database:
            rows = [database.read_image_with_name(name) for name in names]
            self._model.add_camera_with_trivial_rig(database.read_camera(rows[0].camera_id))
        for image in rows:
            T_camera_parent = invert(self._frames[image.name].pose.matrix)
            pose = pycolmap.Rigid3d(pycolmap.Rotation3d(T_camera_parent[:3, :3]), T_camera_parent[:3, 3])
            self._model.add_image_with_trivial_frame(
                pycolmap.Image(name=image.name, camera_id=image.camera_id, image_id=image.image_id), pose
            )
        paths = self._database, self._folder / "images", self._folder
        self._model = pycolmap.triangulate_points(self._model, *paths)
        return len(self._model.points3D)

    def pose(self, name: str, candidates: list[str]) -> Pose:
        """That of an image by the training images it may look like; NOWHERE where there is none."""
        self.extract([name])
        self.match([(name, candidate) for candidate in candidates])
        pixels, points = self._seen(name, candidates)
        found = None
        if len(points) > 3:
            found = pycolmap.estimate_and_refine_absolute_pose(pixels, points, self._camera)
        if not found:
            return NOWHERE
        T_camera_parent = np.vstack([found["cam_from_world"].matrix(), [0, 0, 0, 1]])
        return Pose.from_matrix(invert(T_camera_parent))

    def _seen(self, name: str, candidates: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Pixels (m, 2) of an image and the points (m, 3) that training images have at what they match."""
        pixels, points = [np.empty((0, 2))], [np.empty((0, 3))]
        with pycolmap.Database.open(self._database) as database:
            own = database.read_image_with_name(name).image_id
            keypoints = database.read_keypoints(own)[:, :2]
            for candidate in candidates:
                other = database.read_image_with_name(candidate).image_id
                seen = self._model.images[other].points2D
                matches = database.read_two_view_geometry(own, other).inlier_matches
                matches = matches_array(matches)
                known = [(a, seen[b].point3D_id) for a, b in matches if seen[b].has_point3D()]
                pixels += [keypoints[[a]] for a, _ in known]
                points += [self._model.points3D[number].xyz[None] for _, number in known]
        return np.concatenate(pixels), np.concatenate(points)


def matches_array(matches: object) -> np.ndarray:
    """Matches (m, 2) as indices, from whatever this version of pycolmap gives."""
    return matches if isinstance(matches, np.ndarray) else np.asarray(pycolmap.matches_to_matrix(matches))


def colmap_camera(camera: CameraIntrinsics) -> pycolmap.Camera:
    """The camera in COLMAP's words; raises ConfigError where that has none for it."""
    coefficients = [*camera.distortion, 0.0, 0.0, 0.0, 0.0][: max(4, len(camera.distortion))]
    if any(coefficients) and (camera.distortion_model != PLUMB_BOB or any(coefficients[4:])):
        raise ConfigError(
            f"{camera.distortion_model} with {len(camera.distortion)} coefficients; the peer takes k1 to p2"
        )
    pinhole = [camera.fx, camera.fy, camera.cx + 0.5, camera.cy + 0.5]
    model = "OPENCV" if any(coefficients) else "PINHOLE"
    params = pinhole + (coefficients[:4] if any(coefficients) else [])
    return pycolmap.Camera(model=model, width=camera.width, height=camera.height, params=params)


def most_alike(descriptors: np.ndarray, others: np.ndarray, count: int) -> np.ndarray:
    """Indices (n, count) of the most similar of `others` (m, k) for unit vectors (n, k)."""
    nearest: np.ndarray = np.argsort(-(descriptors @ others.T), axis=1)[:, :count]
    return nearest


def of_peer(
    relocalizer: Relocalizer, train: list[Frame], test: list[Frame], camera: CameraIntrinsics, limits: Limits
) -> Localized:
    """The peer's poses of the test frames, and how long one takes."""
    index, k = relocalizer.bundle.index, limits.partners
    known = index.project(np.array([described(relocalizer, frame) for frame in train]))
    with tempfile.TemporaryDirectory() as folder:
        peer = Peer(Path(folder), [*train, *test], camera, limits)
        names = peer.names(0, len(train))
        peer.extract(names)
        pairs = {
            tuple(sorted((a, int(b)))) for a, row_ in enumerate(most_alike(known, known, k + 1)) for b in row_ if b != a
        }
        peer.match([(names[a], names[b]) for a, b in sorted(pairs)])
        print(f"peer: {peer.triangulate(names)} points of {len(names)} images", flush=True)
        poses, started = [], time.perf_counter()
        for name, frame in zip(peer.names(len(train), len(train) + len(test)), test):
            own = index.project(described(relocalizer, frame)[None])
            poses.append(peer.pose(name, [names[b] for b in most_alike(own, known, k)[0]]))
        seconds = (time.perf_counter() - started) / len(test)
    found = Poses.stack(poses)
    errors = pose_errors(found, Poses.stack(frame.pose for frame in test))
    return Localized("pycolmap", errors, None, seconds)


def described(relocalizer: Relocalizer, frame: Frame) -> np.ndarray:
    """The network's descriptor (D,) of a frame."""
    descriptor: np.ndarray = relocalizer.estimate(load_image_rgb(frame.image_path), frame.stamp_ns).descriptor
    return descriptor


class ConstantRegression(Relocalizer):
    """A relocalizer whose network gives the same pose for all images."""

    def estimate(self, image_rgb: np.ndarray, stamp_ns: int) -> Estimate:
        """As Relocalizer has it, but for the pose."""
        poses = self.bundle.index.poses
        middle = Pose(np.median(poses.positions, axis=0), poses.quats_xyzw[len(poses.positions) // 2])
        return replace(super().estimate(image_rgb, stamp_ns), pose=middle)


def of_bundle(name: str, relocalizer: Relocalizer, test: list[Frame], camera: CameraIntrinsics) -> list[Localized]:
    """The baselines and the regression (with the first name only), and what is published, each image by itself."""
    staged, regressed, published, seconds = StagedRelocalizer(relocalizer, camera), [], [], 0.0
    for frame in test:
        image = load_image_rgb(frame.image_path)
        staged.reset()
        started = time.perf_counter()
        answer = staged.estimate_stages(image, frame.stamp_ns)
        seconds += time.perf_counter() - started
        regressed.append(answer.regression)
        published.append(answer.fused)
    truth = Poses.stack(frame.pose for frame in test)
    fused = localized(f"fused{name}", published, truth, seconds / len(test))
    if name:
        return [fused]
    index, nowhere = relocalizer.bundle.index, np.zeros(len(test), bool)
    baselines = baseline_errors(index, np.array([e.descriptor for e in regressed]), truth)
    rows = [Localized(k, errors, nowhere, 0.0) for k, errors in baselines.items()]
    return [*rows, localized("regression", regressed, truth, 0.0), fused]


def localized(name: str, estimates: list[Estimate], truth: Poses, seconds: float) -> Localized:
    """The row of some estimates."""
    poses, is_ok = Poses.stack(e.pose for e in estimates), np.array([e.state is State.OK for e in estimates])
    inside: tuple[float, ...] = ()
    if is_ok.any() and seconds:
        covariances = np.array([e.covariance for e, ok in zip(estimates, is_ok) if ok])
        shares = coverage(normalized_squares(covariances, poses[is_ok], truth[is_ok]), [0.9])
        inside = tuple(float(shares[part][0]) for part in ("position", "orientation"))
    return Localized(name, pose_errors(poses, truth), is_ok, seconds, inside)


@dataclass(frozen=True)
class Trial:
    """A bundle, what it was made of, and what it is tried on."""

    name: str
    bundle: Path
    train: str
    test: str

    def rows(self, limits: Limits, every: int) -> list[Localized]:
        """All methods on every so many of the test frames; raises ConfigError where the camera is not known."""
        relocalizer = Relocalizer.from_bundle(self.bundle)
        train, test = Dataset.load(self.train), Dataset.load(self.test)
        camera, frames = test.typical_camera, test.frames[::every]
        if camera is None:
            raise ConfigError(f"{self.test}: the camera's intrinsics are not known")
        rows = of_bundle("", relocalizer, frames, camera)
        constant = ConstantRegression.from_bundle(self.bundle)
        rows += of_bundle(", constant regression", constant, frames, camera)
        rows.append(of_peer(relocalizer, train.frames, frames, camera, limits))
        known = relocalizer.bundle.landmark_map
        return [replace(row, metre=1.0 if known is None else known.metre) for row in rows]


def trials(given: list[str]) -> list[Trial]:
    """From BUNDLE TRAIN TEST, three for each set, or from the folder that photographs.py made."""
    if len(given) == 1:
        folders = sorted(path.parent for path in Path(given[0]).glob("*/bundle"))
        data = {folder: f"{folder}/data@holdout" for folder in folders}
        return [Trial(f.name, f / "bundle", f"{data[f]}.train", f"{data[f]}.test") for f in folders]
    if len(given) % 3:
        raise ConfigError(f"{len(given)} arguments; expected a folder, or BUNDLE TRAIN TEST for each set")
    threes = zip(given[::3], given[1::3], given[2::3])
    return [Trial(test.split("@")[0].split("/")[-1], Path(bundle), train, test) for bundle, train, test in threes]


def table(of_sets: dict[str, list[Localized]]) -> str:
    """All sets and methods, in Markdown."""
    lines = [list(COLUMNS), ["---"] * len(COLUMNS)]
    for name, rows in of_sets.items():
        label = f"{name}, {len(rows[0].errors.position_m)} images"
        lines += [[label if not number else "", *row.cells()] for number, row in enumerate(rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="+", metavar="FOLDER | BUNDLE TRAIN TEST", help="with the map of TRAIN")
    parser.add_argument("--partners", type=int, default=Limits.partners, help="images that one is matched with")
    parser.add_argument("--features", type=int, default=Limits.features, help="of an image at most, the peer's")
    parser.add_argument("--side", type=int, default=Limits.side, help="longer side of the peer's images (-1: as it is)")
    parser.add_argument("--every", type=int, default=1, help="of the test frames, for a quick look")
    arguments = parser.parse_args()
    limits = Limits(arguments.partners, arguments.features, arguments.side)
    of_sets = {}
    for trial in trials(arguments.sets):
        of_sets[trial.name] = trial.rows(limits, arguments.every)
        # what was measured is seen though the next set may take an hour
        print(table({trial.name: of_sets[trial.name]}), flush=True)
    print(table(of_sets))


if __name__ == "__main__":
    main()
