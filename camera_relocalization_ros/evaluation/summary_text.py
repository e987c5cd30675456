# SPDX-License-Identifier: BSD-3-Clause
"""What a pilot asks first, in one line each: how wrong are the estimates that are called OK, and all of them."""

from __future__ import annotations

from typing import Any

from camera_relocalization_ros.core.pose_errors import STATISTICS, PoseErrors, length_text, length_unit


def ok_summary(summary: dict[str, Any]) -> str:
    """Share and errors of the OK estimates, from `metrics.summarise`; "" where states say nothing."""
    if "acceptance" not in summary:
        return ""
    share = f"OK: {100 * summary['acceptance']['accepted']:.0f} % of images"
    is_metric = summary.get("metric", True)
    return f"{share}; {_errors_text(summary['accepted'], is_metric)}" if "accepted" in summary else share


def estimates_summary(summary: dict[str, Any]) -> str:
    """Errors of all estimates whatever their state, and what became of the images without one."""
    counts = summary["counts"]
    errors = _errors_text(summary, summary.get("metric", True))
    parts = [f"all estimates: {errors}; {counts['answered']} of {counts['images']} images localized"]
    parts += [f"{counts[name]} {name}" for name in ("lost", "dropped") if counts[name]]
    parts += [f"{number} rejected ({reason})" for reason, number in counts["rejected"].items() if number]
    return ", ".join(parts)


def _errors_text(summary: dict[str, Any], is_metric: bool) -> str:
    position, orientation = summary["position_m"], summary["orientation_deg"]
    lengths = [length_text(position[name], is_metric) for name in ("median", "p95", "max")]
    angles = [f"{orientation[name]:.{2 if orientation[name] < 1 else 1}f} deg" for name in ("median", "p95", "max")]
    return "median {} and {}, 95 of 100 within {} and {}, worst {} and {}".format(
        *(text for pair in zip(lengths, angles) for text in pair)
    )


def errors_table(rows: dict[str, PoseErrors], is_metric: bool = True) -> str:
    """A table in plain text: one row per method, position in metres (or the scene's units), orientation in degrees."""
    position = f"position [{length_unit(is_metric)}]"
    header = f"{'':<22}{position:^32}  {'orientation [deg]':^32}\n"
    header += f"{'method':<22}" + "  ".join(["".join(f"{name:>8}" for name in STATISTICS)] * 2)
    lines = [header]
    for method, errors in rows.items():
        summary = errors.summary()
        cells = [
            "".join(f"{summary[part][name]:8.{digits}f}" if summary["frames"] else f"{'-':>8}" for name in STATISTICS)
            for part, digits in (("position_m", 3), ("orientation_deg", 2))
        ]
        lines.append(f"{method:<22}" + "  ".join(cells))
        if summary["frames"] < len(errors.position_m):
            lines.append(f"  of {summary['frames']} of {len(errors.position_m)} frames; the others have no pose")
    return "\n".join(lines)
