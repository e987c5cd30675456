# SPDX-License-Identifier: BSD-3-Clause
"""What a bundle remembers of a data set that it was trained or calibrated on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainingSet:
    """One data set that a model was trained on: folder name, `SPLIT.PART` ("" for all of it) and frames.

    sha256 is that of `data.provenance.frames_digest`, split_sha256 that of the split's file; "" where it is not known
    or not used.
    """

    name: str
    part: str
    frames: int
    sha256: str
    split_sha256: str

    def __post_init__(self) -> None:
        """Raises ValueError."""
        texts = {key: getattr(self, key) for key in ("name", "part", "sha256", "split_sha256")}
        if not all(len(text) <= 255 and text.isprintable() for text in texts.values()):
            raise ValueError(f"training data {texts}; expected short texts")
