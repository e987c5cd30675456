# SPDX-License-Identifier: BSD-3-Clause
"""The ONNX Runtime session of a bundle, opened and checked against the bundle's test vector."""

from __future__ import annotations

import logging
from typing import Any, Callable, Sequence

import onnxruntime

from camera_relocalization_ros.bundle.model_bundle import NETWORK, Bundle
from camera_relocalization_ros.bundle.reference_outputs import (
    ReferenceOutputs,
    output_names,
    patchwork_images,
    record_outputs,
    relative_differences,
)
from camera_relocalization_ros.core.errors import BundleError

logger = logging.getLogger(__name__)

CPU = "CPUExecutionProvider"

# ONNX Runtime rounds float32 to ten bits on recent NVIDIA cards by default; the test vector would show it
PROVIDER_OPTIONS = {"CUDAExecutionProvider": {"use_tf32": "0"}}


def open_session(
    bundle: Bundle, providers: Sequence[str], threads: int, warn: Callable[[str], None] = logger.warning
) -> onnxruntime.InferenceSession:
    """A session that has run the bundle's test vector, and so is warm.

    providers: in order of preference. One that is missing, fails or is wrong on the test vector is left for the
    next, and `warn` is given the reason; those after it still take the operators that it does not have. The last one's
    failure is an error, and so is any of the CPU, which no other could excuse. threads: of ONNX Runtime, 0 for one
    per core. Raises BundleError when the network does not load, does not have the inputs and outputs of
    docs/bundle_format.md, or computes otherwise than when the bundle was made.
    """
    for index, name in enumerate(providers[:-1]):
        try:
            return _open_checked(bundle, providers[index:], threads)
        except BundleError as error:
            if name == CPU:
                raise
            warn(f"{name} is not used, {providers[index + 1]} is tried next: {error}")
    return _open_checked(bundle, providers[-1:], threads)


def _open_checked(bundle: Bundle, providers: Sequence[str], threads: int) -> onnxruntime.InferenceSession:
    """A session on the first of the providers, which has run the test vector; raises BundleError."""
    path = bundle.path / NETWORK
    try:
        session = _create(bundle, providers, threads)
        _check_signature(session, bundle, str(path))
        found = _outputs(session, bundle)
    except BundleError:
        raise
    except Exception as error:  # ONNX Runtime's exceptions have no common base but Exception
        raise BundleError(f"{path}: ONNX Runtime refuses it ({_first_line(error)})") from error
    runtime = f"ONNX Runtime {onnxruntime.__version__} on {', '.join(session.get_providers())}"
    check_outputs(bundle, found, runtime)
    return session


def _create(bundle: Bundle, providers: Sequence[str], threads: int) -> onnxruntime.InferenceSession:
    usable = usable_providers(providers)
    if providers[0] not in dict(usable):
        available = ", ".join(onnxruntime.get_available_providers())
        raise BundleError(f"this ONNX Runtime has no {providers[0]}; it has {available}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # its threads else spin on after an image, on cores that the search for landmarks needs
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(bundle.network, options, providers=usable)
    # a provider whose libraries do not load is left out by ONNX Runtime without an exception
    if providers[0] not in session.get_providers():
        raise BundleError(f"ONNX Runtime could not start {providers[0]}; see its message above")
    return session


def usable_providers(names: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Those of the providers that this ONNX Runtime has, in the order given, each with its options."""
    available = onnxruntime.get_available_providers()
    return [(name, PROVIDER_OPTIONS.get(name, {})) for name in names if name in available]


def feature_count(session: onnxruntime.InferenceSession) -> int:
    """F of the input `previous` (1, t, F), 0 for a network of single frames."""
    return next((int(node.shape[2]) for node in session.get_inputs() if node.name == "previous"), 0)


def check_outputs(bundle: Bundle, found: ReferenceOutputs, runtime: str) -> None:
    """Raise BundleError when an output differs from the test vector by more than the bundle allows.

    A bundle of version 1 has no test vector, and passes.
    """
    expected, tolerance = bundle.reference_outputs, bundle.sidecar.tolerance
    if expected is None:
        return
    differences = relative_differences(expected, found)
    # "not <=" finds NaN too
    wrong = [name for name, difference in differences.items() if not difference <= tolerance]
    if wrong:
        name = wrong[0]
        raise BundleError(
            f"{bundle.path}: its test vector is answered with {name} {_short(getattr(found, name))} by {runtime}; "
            f"expected {_short(getattr(expected, name))} as by {bundle.sidecar.tested_with} "
            f"(relative difference {differences[name]:.1e}, allowed {tolerance:.0e})"
        )


def _outputs(session: onnxruntime.InferenceSession, bundle: Bundle) -> ReferenceOutputs:
    """To the images of the test vector, or where a bundle of version 1 has none, to synthetic ones for warmth."""
    window_length, size = bundle.sidecar.window_length, bundle.sidecar.preprocessing
    if bundle.reference_outputs is not None:
        images = bundle.reference_outputs.images
    else:
        images = patchwork_images(size.width, size.height, min(window_length, 2))
    count = feature_count(session)
    return record_outputs(lambda feeds: session.run(None, feeds), images, window_length, count, bundle.has_members)


def _check_signature(session: onnxruntime.InferenceSession, bundle: Bundle, source: str) -> None:
    size, window_length = bundle.sidecar.preprocessing, bundle.sidecar.window_length
    inputs = {node.name: (node.type, node.shape) for node in session.get_inputs()}
    image = ("tensor(uint8)", [1, size.height, size.width, 3])
    if inputs.get("image") != image:
        raise BundleError(f"{source}: input image is {inputs.get('image')}; expected {image}")
    outputs = [node.name for node in session.get_outputs()]
    expected_inputs = ["image", "previous"] if window_length > 1 else ["image"]
    expected_outputs = output_names(window_length, bundle.has_members)
    if list(inputs) != expected_inputs or outputs != expected_outputs:
        raise BundleError(
            f"{source}: inputs {list(inputs)} and outputs {outputs}; expected {expected_inputs} "
            f"and {expected_outputs} for windows of {window_length}"
        )


def _short(rows: Any) -> str:
    """The first numbers of the last row, which is the one that depends on all images."""
    return "[" + ", ".join(f"{value:.4f}" for value in rows[-1].flat[:4]) + "]"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
