# SPDX-License-Identifier: BSD-3-Clause
"""The model bundle: the one thing that flies. A folder of bundle.yaml, network.onnx and two or three files of arrays.

The format is written down in docs/bundle_format.md. Reading a bundle runs no code of its author's.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from camera_relocalization_ros.bundle.error_calibration import ErrorCalibration
from camera_relocalization_ros.bundle.landmark_map import LandmarkMap, load_map, save_map
from camera_relocalization_ros.bundle.reference_outputs import (
    ReferenceOutputs,
    load_reference_outputs,
    save_reference_outputs,
)
from camera_relocalization_ros.bundle.retrieval import RetrievalIndex, load_index, save_index
from camera_relocalization_ros.bundle.sidecar import BundleSidecar, PositionRange
from camera_relocalization_ros.core.errors import BundleError, one_line
from camera_relocalization_ros.core.output_files import (
    check_replaceable,
    found_folder,
    new_file,
    new_folder,
    write_yaml,
    writing,
)
from camera_relocalization_ros.core.plain_values import READ_FAULTS, read_bounded, yaml_mapping

FORMAT = "camera_relocalization_bundle"
# of bundles that have a place for all there is; 4 differs from 3 by the origin of its positions alone
VERSION = 3
SIDECAR, NETWORK, TRAINING, TEST_VECTOR = "bundle.yaml", "network.onnx", "training.npz", "test_vector.npz"
# what a bundle may have since version 3
LANDMARKS = "landmarks.npz"
# what a bundle of each version consists of, besides the sidecar
FILES = {
    1: (NETWORK, TRAINING),
    2: (NETWORK, TRAINING, TEST_VECTOR),
    3: (NETWORK, TRAINING, TEST_VECTOR),
    4: (NETWORK, TRAINING, TEST_VECTOR),
}
MAX_SIDECAR_BYTES, MAX_FILE_BYTES = 2**20, 2**29
NEVER_OK = "not calibrated, so none of its poses is OK: how far it errs is not known; see reloc map and reloc calibrate"


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle whose files agree with their checksums; `bundle_id` names its network.

    `reference_outputs` is None in a bundle of version 1, `landmark_map` in one that reloc map was not run on.
    """

    path: Path
    bundle_id: str
    sidecar: BundleSidecar
    network: bytes
    index: RetrievalIndex
    reference_outputs: ReferenceOutputs | None
    landmark_map: LandmarkMap | None = None

    @property
    def has_members(self) -> bool:
        """Whether the network gives the pose of each member of its ensemble, as it does since version 3."""
        return self.reference_outputs is not None and self.reference_outputs.has_members

    @property
    def has_covariance(self) -> bool:
        """Whether estimates have one: all of a calibrated bundle, those by landmarks of another with a map."""
        return self.sidecar.error_calibration is not None or self.landmark_map is not None

    @property
    def tells_confirmed(self) -> bool:
        """Whether more is promised of poses that two searches agree on, see ErrorCalibration; where nothing is, too."""
        calibration = self.sidecar.error_calibration
        return calibration is None or calibration.tells_confirmed

    @property
    def never_ok(self) -> str:
        """Why no pose of it can be OK, and what to do; "" where poses can."""
        return "" if self.has_covariance else NEVER_OK

    @property
    def training_range(self) -> PositionRange:
        """Where the training images were taken."""
        return PositionRange.from_positions(self.index.poses.positions)


def load_bundle(path: Path | str, with_map: bool = True, sha256: str = "") -> Bundle:
    """Read and check a bundle folder; raises BundleError that names the file, what was found and expected.

    with_map: False leaves a map of landmarks unread, that of another version too: who makes a new one needs none.
    sha256: of bundle.yaml, checked before anything in it is believed; it holds the checksums of all other files.
    """
    path = found_folder(Path(path))
    _check_folder(path)
    version, sidecar, checksums, training_range = _read_sidecar(path / SIDECAR, sha256)
    if not with_map:
        checksums.pop(LANDMARKS, None)
    for name in set(checksums) - {NETWORK}:
        _checked_bytes(path / name, checksums[name])
    network = _checked_bytes(path / NETWORK, checksums[NETWORK])
    index, reference_outputs = _read_arrays(path, version)
    index = replace(index, origin=np.array(sidecar.position_origin))
    landmark_map = load_map(path / LANDMARKS) if LANDMARKS in checksums else None
    bundle = Bundle(path, checksums[NETWORK][:12], sidecar, network, index, reference_outputs, landmark_map)
    if training_range is not None:
        _check_range(path / SIDECAR, training_range, bundle.training_range)
    size = sidecar.preprocessing
    if reference_outputs is not None and reference_outputs.images.shape[1:] != (size.height, size.width, 3):
        raise BundleError(
            f"{path / TEST_VECTOR}: images of shape {reference_outputs.images.shape[1:]}; "
            f"expected {(size.height, size.width, 3)}, the preprocessing of {SIDECAR}"
        )
    return bundle


def save_bundle(
    path: Path | str, sidecar: BundleSidecar, network: bytes, index: RetrievalIndex, reference_outputs: ReferenceOutputs
) -> None:
    """Write a bundle folder, whole or not at all; an older bundle at `path` is replaced, anything else refused."""
    path = Path(path)
    check_replaceable(path, (SIDECAR,), BundleError)
    with new_folder(path, BundleError) as partial:
        (partial / NETWORK).write_bytes(network)
        save_index(partial / TRAINING, index)
        save_reference_outputs(partial / TEST_VECTOR, reference_outputs)
        _write_sidecar(partial, sidecar, PositionRange.from_positions(index.poses.positions), FILES[VERSION])


def replace_error_calibration(bundle: Bundle, calibration: ErrorCalibration) -> None:
    """Write a calibration into a loaded bundle, at once or not at all; the other files stay as they are.

    Raises BundleError when the bundle is of a version that has no place for one.
    """
    check_extensible(bundle)
    files = FILES[VERSION] if bundle.landmark_map is None else (*FILES[VERSION], LANDMARKS)
    _replace_sidecar(bundle, replace(bundle.sidecar, error_calibration=calibration), files)


def replace_map(bundle: Bundle, landmark_map: LandmarkMap) -> int:
    """Write a landmark map into a loaded bundle and return its bytes; what fails half-way leaves a bundle without map.

    A calibration stays, but for what it says of stages.

    Raises BundleError when the bundle is of a version that has no place for one.
    """
    check_extensible(bundle)
    sidecar, known = bundle.sidecar, bundle.sidecar.error_calibration
    if known is not None:
        # how far errors reach was measured with another map, or with none
        without = replace(known, stages={}, least_evidence=0.0, confirmed_evidence=0.0)
        sidecar = replace(sidecar, error_calibration=without)
    with new_file(bundle.path / LANDMARKS, BundleError) as partial:
        with open(partial, "wb") as file:
            save_map(file, landmark_map)
        # the sidecar never vouches for a file that is being replaced
        _replace_sidecar(bundle, sidecar, FILES[VERSION])
    _replace_sidecar(bundle, sidecar, (*FILES[VERSION], LANDMARKS))
    return (bundle.path / LANDMARKS).stat().st_size


def check_extensible(bundle: Bundle) -> None:
    """Raise BundleError when a bundle is of a version that has no place for a calibration or a map."""
    if not bundle.has_members:
        raise BundleError(f"{bundle.path}: a bundle before version {VERSION}; export its run again to add to it")


def _check_folder(path: Path) -> None:
    """Raise BundleError unless there is a bundle's folder that this user may look into."""
    try:
        if not path.exists():
            raise BundleError(f"{path}: no such bundle")
        if not path.is_dir():
            raise BundleError(f"{path}: a file; expected a bundle, which is a folder made by reloc export")
        if not (path / SIDECAR).is_file():
            raise BundleError(f"{path}: no {SIDECAR} in it; expected a bundle made by reloc export")
    except OSError as error:
        # pathlib asks for a file in a folder that may not be entered, and raises
        raise BundleError(f"{path}: {error.strerror}") from error


def _replace_sidecar(bundle: Bundle, sidecar: BundleSidecar, files: tuple[str, ...]) -> None:
    with writing(bundle.path, BundleError):
        _write_sidecar(bundle.path, sidecar, bundle.training_range, files)


def _write_sidecar(folder: Path, sidecar: BundleSidecar, training_range: PositionRange, files: tuple[str, ...]) -> None:
    """Into `folder`, with the checksums of `files` in it."""
    values = {
        "format": FORMAT,
        "version": sidecar.version,
        **sidecar.to_dict(),
        "training_range": {"min": list(training_range.min), "max": list(training_range.max)},
        "sha256": {name: _sha256((folder / name).read_bytes()) for name in files},
    }
    write_yaml(folder / SIDECAR, values, BundleError)


def _read_sidecar(path: Path, sha256: str = "") -> tuple[int, BundleSidecar, dict[str, str], dict[str, Any] | None]:
    """Version, sidecar, the checksums by file, and the training range that it claims (None in version 1)."""
    try:
        content = read_bounded(path, MAX_SIDECAR_BYTES)
        if sha256 and _sha256(content) != sha256:
            raise BundleError(
                f"{path}: sha256 {_sha256(content)}; expected {sha256}, that of the bundle that was pinned"
            )
        values = yaml_mapping(content)
        version = values["version"]
        if values["format"] != FORMAT or version not in FILES:
            raise BundleError(
                f"{path}: format {values['format']!r} version {version!r}; "
                f"expected {FORMAT!r} version {' or '.join(map(str, FILES))}"
            )
        sidecar = BundleSidecar.from_dict(values, version)
        has_map = version >= VERSION and LANDMARKS in values["sha256"]
        names = (*FILES[version], LANDMARKS) if has_map else FILES[version]
        checksums = {name: str(values["sha256"][name]) for name in names}
        return version, sidecar, checksums, values["training_range"] if version > 1 else None
    except READ_FAULTS as error:
        reason = one_line(error)
        raise BundleError(f"{path}: not a valid sidecar ({type(error).__name__}: {reason})") from error


def _read_arrays(path: Path, version: int) -> tuple[RetrievalIndex, ReferenceOutputs | None]:
    try:
        index = load_index(path / TRAINING)
    except ValueError as error:
        raise BundleError(f"{path / TRAINING}: not the training descriptors of a bundle ({error})") from error
    try:
        return index, load_reference_outputs(path / TEST_VECTOR, has_members=version > 2) if version > 1 else None
    except ValueError as error:
        raise BundleError(f"{path / TEST_VECTOR}: not the test vector of a bundle ({error})") from error


def _check_range(path: Path, claimed: dict[str, Any], found: PositionRange) -> None:
    """Raise BundleError unless the claim is what the training positions say."""
    try:
        fits = np.allclose([claimed["min"], claimed["max"]], [found.min, found.max], rtol=1e-5, atol=1e-5)
    except READ_FAULTS:
        fits = False
    if not fits:
        raise BundleError(f"{path}: training_range is {claimed}; expected {found.min} to {found.max} as in {TRAINING}")


def _checked_bytes(path: Path, expected_sha256: str) -> bytes:
    try:
        content = read_bounded(path, MAX_FILE_BYTES)
    except (OSError, ValueError) as error:
        raise BundleError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    found = _sha256(content)
    if found != expected_sha256:
        raise BundleError(
            f"{path}: {len(content)} bytes with sha256 {found[:12]}..; expected {expected_sha256[:12]}.. "
            f"(the file was cut short or replaced)"
        )
    return content


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
