# SPDX-License-Identifier: BSD-3-Clause
"""How landmarks are searched for: the numbers behind a PoseRefiner."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class RefinementSettings:
    """`landmarks` are searched for that the training images nearest to the prior saw, at most `images` of these, and
    where the pose that these give has less evidence than `convincing`, see `evidence`, landmarks_anywhere, those first
    that most images saw; then, each near where the first pose expects it, `landmarks_again`. Where what is found is not
    `unmistakable` evidence the picture is taken as its mirror image too. A guided search looks at the part of the image
    that shows most of these, guided_share of it at most, and guided_margin_px around them. Of images with more features
    more landmarks are looked for, see `for_features`. Tolerances are in pixels of the features' image: tolerance_px of
    what agrees at all, precise_px of what agrees with the truth. Landmarks within around_px of where the pose expects
    them tell whether another camera explains them.
    """

    images: int = 60
    landmarks: int = 3000
    landmarks_anywhere: int = 60_000
    convincing: float = 15.0
    landmarks_again: int = 1000
    unmistakable: float = 50.0
    least_similarity: float = 0.6
    distance_ratio: float = 0.9
    ransac_iterations: int = 1000
    tolerance_px: float = 5.0
    precise_px: float = 1.5
    search_px: float = 12.0
    last_search_px: float = 4.0
    around_px: float = 30.0
    least_inliers: int = 8
    guided_share: float = 0.25
    guided_margin_px: float = 16.0

    def for_features(self, limit: int) -> RefinementSettings:
        """The same for images of up to so many features: three landmarks for each of them, and one again, or more."""
        landmarks, again = max(self.landmarks, 3 * limit), max(self.landmarks_again, limit)
        return replace(self, landmarks=landmarks, landmarks_again=again)


DEFAULT_SETTINGS = RefinementSettings()
