# SPDX-License-Identifier: BSD-3-Clause
"""How exact the shipped model is, in this build and in an older one, beside what needs no model: a part of bench.py.

    python benchmarks/accuracy.py FLIGHT BUILD=RESULT [BUILD=RESULT ...]

makes the same table of results of `reloc evaluate`; the first one has the baselines.

Each build flies its own models/airframe by its own code, from the bags on: what is compared is what a user of that
build got. No build saw the flights: no choice was made on them, and the halls of the last two are in no data set.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np

from camera_relocalization_ros.core.pose_errors import PoseErrors, within
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.result_files import load_result
from camera_relocalization_ros.evaluation.results import Result

# of a pose that says OK: what OK promises, and what a pilot would call another place; metres and degrees
PROMISED, GROSS = (0.10, 3.0), (0.25, 10.0)
BASELINES = {
    "oracle nearest pose": "oracle: the nearest training pose",
    "feature retrieval": "retrieval: the most similar training image",
    "constant pose": "a constant pose",
}
HEAD = (
    "| flight | poses of | median | 90th percentile | OK | OK, over 10 cm or 3° | OK, over 25 cm or 10° |",
    "| --- | --- | --- | --- | --- | --- | --- |",
)


@dataclass(frozen=True)
class TestFlight:
    """title: as the table has it. plan: options of `reloc simulate`, which writes `bag`."""

    title: str
    bag: str
    plan: str


def test_flights(duration_s: float) -> list[TestFlight]:
    """The path of `reloc demo` and two flights in halls of their own, all at the placement that no model has seen."""
    same = f"--placement 6 --duration {duration_s} --rate 5 --width 640 --compressed"
    return [
        TestFlight("that of the demo", "demo.bag", f"{same} --seed 1000"),
        TestFlight("hall 111", "hall_111.bag", f"{same} --seed 2001 --arena-seed 111"),
        TestFlight("hall 112", "hall_112.bag", f"{same} --seed 2002 --arena-seed 112"),
    ]


def table(flight: TestFlight, folders: Mapping[str, Path], newest: str) -> list[str]:
    """Rows for the results in `folders` by build, and for the baselines of the one named `newest`."""
    results = {build: load_result(folder) for build, folder in folders.items()}
    rows = [_row(flight.title, build, result.errors(), result) for build, result in results.items()]
    baselines = results[newest].baselines
    return rows + [_row(flight.title, title, baselines[name], None) for name, title in BASELINES.items()]


def _row(title: str, poses_of: str, errors: PoseErrors, states_of: Result | None) -> str:
    """One line; without `states_of` there is nothing that could say OK."""
    cells = [_percentile(errors, 50), _percentile(errors, 90)]
    cells += _ok_cells(errors, states_of) if states_of else ["-", "-", "-"]
    return f"| {title}, {len(errors.position_m)} images | {poses_of} | {' | '.join(cells)} |"


def _percentile(errors: PoseErrors, share: int) -> str:
    """That of both errors, of the images that have a pose."""
    known = np.isfinite(errors.position_m) & np.isfinite(errors.orientation_deg)
    if not known.any():
        return "-"
    metres, degrees = (float(np.percentile(each[known], share)) for each in (errors.position_m, errors.orientation_deg))
    return f"{metres:.3f} m, {degrees:.2f}°"


def _ok_cells(errors: PoseErrors, result: Result) -> Sequence[str]:
    is_ok = result.states == State.OK
    wrong = [int(np.count_nonzero(is_ok & ~within(errors, *limits))) for limits in (PROMISED, GROSS)]
    return [f"{np.count_nonzero(is_ok)}, {100 * is_ok.mean():.1f} %", *map(str, wrong)]


def main() -> None:
    """See the module's text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("flight", help="as the table calls it")
    parser.add_argument("results", nargs="+", metavar="BUILD=RESULT")
    arguments = parser.parse_args()
    folders = {build: Path(folder) for build, _, folder in (result.partition("=") for result in arguments.results)}
    print("\n".join([*HEAD, *table(TestFlight(arguments.flight, "", ""), folders, next(iter(folders)))]))


if __name__ == "__main__":
    main()
