# SPDX-License-Identifier: BSD-3-Clause
"""Adds up the result files of all suites, and fails when one failed or did not run.

python test/support/summarise.py RESULTS_FOLDER LINT_EXIT_CODE
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def counts(path: Path) -> tuple[int, int, int]:
    """Passed, failed and skipped tests of a JUnit file."""
    suites = list(ElementTree.parse(path).getroot().iter("testsuite"))
    tests, failed, skipped = 0, 0, 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", suite.get("skip", 0)) or 0)
    return tests - failed - skipped, failed, skipped


def main(results: Path, lint: int) -> int:
    integration = sorted(Path(__file__).parents[1].glob("integration/*/*.test"))
    files = {"unit": [results / "unit.xml"], "ROS": [results / "ros.xml"]}
    files["integration"] = sorted((results / "rostest").rglob("*.xml"))
    python38 = results / "python38.xml"
    if python38.is_file():
        files["Python 3.8"] = [python38]
    else:
        print("Python 3.8: skipped, there is none here")
    complaints = ["lint failed"] if lint else []
    failed_rostests, failed_suites = results / "rostest_failed", results / "suites_failed"
    if failed_suites.is_file():
        complaints.append(f"suite failed: {', '.join(failed_suites.read_text().split())}")
    if failed_rostests.is_file():
        complaints.append(f"rostest failed: {', '.join(failed_rostests.read_text().split())}")
    total = [0, 0, 0]
    for suite, paths in files.items():
        found = [counts(path) for path in paths if path.is_file()]
        passed, failed, skipped = (sum(column) for column in zip(*found)) if found else (0, 0, 0)
        print(f"{suite}: {passed} passed, {failed} failed, {skipped} skipped")
        total = [a + b for a, b in zip(total, (passed, failed, skipped))]
        if not passed:
            complaints.append(f"no {suite} test ran")
    if len(files["integration"]) < len(integration):
        complaints.append(f"{len(integration)} rostests gave {len(files['integration'])} result files")
    for complaint in complaints:
        print(f"FAILED: {complaint}")
    failed = total[1] or len(complaints)
    print(f"{total[0]} passed, {failed} failed, {total[2]} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
