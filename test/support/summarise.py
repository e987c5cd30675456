# SPDX-License-Identifier: BSD-3-Clause
"""Adds up the result files of the suites, and fails when one failed or did not run.

python test/support/summarise.py RESULTS_FOLDER SUITE...
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Sequence

INTEGRATION = Path(__file__).resolve().parents[1] / "integration"


def counts(path: Path) -> tuple[int, int, int]:
    """Passed, failed (named) and skipped tests of a JUnit file; one failed where a run was ended midway."""
    try:
        suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    except ElementTree.ParseError:
        print(f"{path.stem}: its tests were ended before they had written what became of them")
        return 0, 1, 0
    tests, failed, skipped = 0, 0, 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", suite.get("skip", 0)) or 0)
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                print(f"{path.stem}: {case.get('classname')} {case.get('name')} failed")
    return tests - failed - skipped, failed, skipped


def result_files(results: Path, suite: str) -> list[Path]:
    """The JUnit files that a suite wrote."""
    if suite == "integration":
        return sorted((results / "rostest").rglob("*.xml"))
    return [path for path in [results / f"{suite}.xml"] if path.is_file()]


def main(results: Path, suites: Sequence[str]) -> int:
    complaints, total = [], [0, 0, 0]
    failed_suites = results / "suites_failed"
    if failed_suites.is_file():
        complaints.append(f"failed: {', '.join(failed_suites.read_text().split())}")
    for suite in suites:
        files = result_files(results, suite)
        if suite == "lint":
            continue
        if suite == "python38" and not files:
            print("python38: skipped, there is none here")
            continue
        sums = [sum(column) for column in zip((0, 0, 0), *map(counts, files))]
        print("{}: {} passed, {} failed, {} skipped".format(suite, *sums))
        total = [a + b for a, b in zip(total, sums)]
        if not sums[0]:
            complaints.append(f"no {suite} test ran")
        rostests = len(list(INTEGRATION.rglob("*.test")))
        if suite == "integration" and len(files) < rostests:
            complaints.append(f"{rostests} rostests gave {len(files)} result files")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    failed = total[1] or len(complaints)
    print(f"{total[0]} passed, {failed} failed, {total[2]} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
