# SPDX-License-Identifier: BSD-3-Clause
"""Which pose to publish, the regressed one or the one from landmarks; docs/refinement.md explains the rule."""

from __future__ import annotations

from dataclasses import replace

from camera_relocalization_ros.core.state import Stage, State
from camera_relocalization_ros.localization.estimate import Estimate
from camera_relocalization_ros.localization.landmarks.gate import GateDecision, RejectionReason
from camera_relocalization_ros.localization.refinement import Refinement


def fuse(
    regression: Estimate,
    refinement: Refinement,
    decision: GateDecision,
    stage: Stage = Stage.REFINED,
    is_confirmed: bool = False,
) -> Estimate:
    """The pose from landmarks where the gate accepted it, OK until `OkContract.settle` looks at it; else the regressed.

    That is OK where it promises by itself what was asked for, and landmarks do not contradict it. is_confirmed: see
    Estimate.
    """
    if not decision.is_accepted:
        return regression_alone(regression, decision.description, decision.reason is RejectionReason.DISAGREES)
    return replace(
        regression,
        pose=refinement.best.pose.canonical,
        covariance=refinement.best.covariance,
        stage=stage,
        landmarks=len(refinement.landmarks),
        evidence=refinement.evidence,
        is_confirmed=is_confirmed,
        state=State.OK,
        reason="",
    )


def regression_alone(regression: Estimate, reason: str, is_contradicted: bool = False) -> Estimate:
    """The regressed pose where a map gave none, and the reason where it is not OK by itself, or is contradicted.

    Without a calibration nothing tells a pose that is off by little from one of another place: the reason says so.
    """
    if regression.state is State.LOST or (regression.state is State.OK and not is_contradicted):
        return regression
    unknown = "; how far the regressed pose errs is not known" if regression.covariance is None else ""
    return replace(regression, state=State.DEGRADED, reason=f"not refined: {reason}{unknown}")


def refined_alone(regression: Estimate, refinement: Refinement, decision: GateDecision) -> Estimate:
    """The pose from landmarks whatever the gate says, DEGRADED where it says no; LOST, of no numbers, without one."""
    found = State.OK if decision.is_accepted else State.DEGRADED
    return replace(
        regression,
        pose=refinement.pose,
        covariance=refinement.covariance,
        stage=Stage.REFINED,
        landmarks=len(refinement.landmarks),
        evidence=refinement.evidence,
        state=found if refinement.found else State.LOST,
        reason=decision.description if refinement.found else f"no pose fits {refinement.matches} matches",
    )
