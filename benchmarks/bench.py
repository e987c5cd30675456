#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What this package exists for, each job beside its limit and beside an older build, in turns of one run.

    . ./env.sh
    python benchmarks/bench.py [--before CHECKOUT] [--quick] [--work FOLDER] [--results FILE.md]

A job is a command as a user types it, in a process of its own. Its limit is a program that does only what the job
cannot do without (benchmarks/limits.py). CHECKOUT is an older build that is set up (`make setup` there); it runs the
same commands in its own environment. Every job is run by one after the other, some of them several times, so that what
else the machine does strikes all alike; the table has medians. The processor's seconds are of all processes and
threads of a job, and hardly change with what runs beside; those on the clock do. Why a row misses its bar is said in
benchmarks/notes.md, which ends every page.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import median
from typing import Sequence

from accuracy import HEAD, TestFlight, table, test_flights

ROOT = Path(__file__).resolve().parents[1]
PYTHON, LIMITS = sys.executable, f"{sys.executable} {ROOT}/benchmarks/limits.py"
OBJECT_AND_CAMERA = "--parent wing/base_link --child M100/camera_optical_frame"
FRAMES = f"--image-topic /dji_sdk/image_raw {OBJECT_AND_CAMERA}"
COMPRESSED_FRAMES = f"--image-topic /dji_sdk/image_raw/compressed {OBJECT_AND_CAMERA}"
TYPO = "reloc train set -o run --sead 1"
# what the numbers do not say themselves, and must survive the next run
NOTES = ROOT / "benchmarks" / "notes.md"
# of what a report prints
MOST_LINES = 20
HERE, BEFORE, LIMIT = "here", "before", "limit"
# beside the jobs' names
ACCURACY = "accuracy"


@dataclass(frozen=True)
class Size:
    """How much is done: seconds and width of the flights that become a bundle, at 10 images a second; pictures of the
    job that renders; images of the raw 720p bag; turns of the short jobs; seconds of live flight; seconds of each
    flight that tells the accuracy, 0: one of a moment does."""

    duration_s: int
    width: int
    pictures: int
    raw_images: int
    turns: int
    live_s: int
    accuracy_s: int


FULL, QUICK = Size(20, 640, 30, 120, 5, 60, 40), Size(6, 320, 8, 8, 1, 5, 0)


@dataclass(frozen=True)
class Job:
    """name, the command of each build, the program of its limit ("" for none), how many turns, and what is wanted.

    {own} in a command is the build's own folder, {shared} that of all. wanted: the largest
    ratio to the limit and to the older build, None where there is no bar.
    """

    name: str
    command: str
    limit: str = ""
    turns: int = 1
    wanted: tuple[float | None, float | None] = (None, None)
    may_fail: bool = False


@dataclass(frozen=True)
class Report:
    """A benchmark that prints figures of its own, of this build and of the older one by its own program.

    {root}: the build's checkout; {bundle}: a shipped model that both builds read; {other}: "--before CHECKOUT" where
    there is one, for a program that measures both itself.
    """

    title: str
    command: str
    measures_both: bool = False


@dataclass
class Times:
    """Seconds of the turns of one job in one build: of the processor and on the clock."""

    processor_s: list[float] = field(default_factory=list)
    clock_s: list[float] = field(default_factory=list)


def jobs(size: Size) -> list[Job]:
    """In the order in which one needs what another made."""
    return [
        Job("reloc --help", "reloc --help", f"{PYTHON} -c pass", size.turns),
        Job("a typo of train", TYPO, f"{PYTHON} -c pass", size.turns, may_fail=True),
        Job(
            "simulate 1280x720",
            f"reloc simulate --placement 1 --duration {size.pictures / 10} --seed 5 -o {{own}}/render.bag",
            f"{LIMITS} render {size.pictures} 1280 720",
            wanted=(None, 0.5),
        ),
        Job(
            "extract raw 1280x720",
            f"reloc extract {{shared}}/raw.bag {FRAMES} -o {{own}}/raw",
            f"{LIMITS} encode {{shared}}/raw.bag /dji_sdk/image_raw",
            wanted=(1 / 0.85, None),
        ),
        Job(
            "extract the flight",
            f"reloc extract {{shared}}/train.bag {FRAMES} -o {{own}}/train",
            f"{LIMITS} encode {{shared}}/train.bag /dji_sdk/image_raw",
        ),
        Job(
            "cache features",
            "reloc train {own}/train --config {shared}/one_epoch.yaml --cache {own}/cache --seed 0 -o {own}/first",
            f"{LIMITS} backbone {{own}}/train",
            wanted=(None, 0.5),
        ),
        Job("train", "reloc train {own}/train --cache {own}/cache --seed 0 -o {own}/run"),
        Job("export", "reloc export {own}/run -o {own}/bundle"),
        Job(
            "map", "reloc map {own}/train --bundle {own}/bundle", f"{LIMITS} match {{own}}/train 8", wanted=(None, 0.3)
        ),
        Job(
            "evaluate",
            "reloc evaluate {own}/bundle {own}/train --json {own}/errors.json",
            f"{LIMITS} localize {{own}}/bundle {{own}}/train",
            wanted=(1.3, None),
        ),
        Job("doctor", "reloc doctor {own}/train", f"{LIMITS} decode {{own}}/train", wanted=(1.3, None)),
    ]


def reports(size: Size) -> list[Report]:
    """What is no job with a limit of its own, by the shipped model."""
    live = f"--seconds {size.live_s} --bag {{shared}}/raw.bag"
    return [
        Report(
            "Live node, raw 1280x720 at 30 Hz",
            f"python {{root}}/benchmarks/live_node.py {{root}}/models/airframe {live}",
        ),
        Report(
            "Landmarks of a stream",
            "python {root}/benchmarks/landmark_cost.py {bundle} {own}/raw --images 100 {other}",
            measures_both=True,
        ),
    ]


def environment_of(checkout: Path) -> dict[str, str]:
    """The environment that a checkout's env.sh makes."""
    script = f". {shlex.quote(str(checkout / 'env.sh'))} >/dev/null && env -0"
    plain = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR", "LANG") if name in os.environ}
    done = subprocess.run(["bash", "-c", script], env=plain, capture_output=True, check=True, cwd="/")
    lines = [entry.partition("=") for entry in done.stdout.decode().split("\0") if entry]
    made = {name: value for name, _, value in lines}
    if not Path(made.get("VIRTUAL_ENV", "/nowhere")).is_relative_to(checkout):
        raise SystemExit(f"{checkout}: is not set up; type `make setup` there")
    return made


def timed(command: str, environment: dict[str, str], folder: Path, may_fail: bool = False) -> tuple[float, float]:
    """Seconds of the processor and on the clock that a command takes; ends the program when it fails."""
    log = folder / "log.txt"
    used, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with log.open("wb") as output:
        words = shlex.split(command)
        done = subprocess.run(words, env=environment, cwd=folder, stdout=output, stderr=output, check=False)
    clock_s, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode and not may_fail:
        raise SystemExit(f"{command}\nended with {done.returncode}:\n{log.read_text(errors='replace')[-2000:]}")
    return now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime, clock_s


def measure(job: Job, builds: dict[str, dict[str, str]], work: Path) -> dict[str, Times]:
    """Times by build, and those of the limit, in turns."""
    times: dict[str, Times] = {}
    for _ in range(job.turns):
        for build, environment in builds.items():
            places = {"own": work / build, "shared": work / "shared"}
            todo = [(build, job.command, environment, job.may_fail)]
            if build == HERE and job.limit:
                todo.append((LIMIT, job.limit, environment, False))
            for name, command, of_build, may_fail in todo:
                try:
                    processor_s, clock_s = timed(command.format(**places), of_build, work / build, may_fail)
                except SystemExit as error:
                    if build != BEFORE:
                        raise
                    # an older build may lack something; its column says "-"
                    print(error, file=sys.stderr)
                    continue
                taken = times.setdefault(name, Times())
                taken.processor_s.append(processor_s)
                taken.clock_s.append(clock_s)
    return times


def prepare(chosen: Sequence[Job], size: Size, builds: dict[str, dict[str, str]], work: Path) -> None:
    """The bags that all builds read of the chosen jobs, and folders for what they write."""
    for name in (*builds, "shared"):
        (work / name).mkdir(parents=True, exist_ok=True)
    recipe = json.dumps({"optimiser": {"epochs": 1}})
    (work / "shared" / "one_epoch.yaml").write_text(recipe, encoding="utf-8")
    for name, duration_s, width in (("raw", size.raw_images / 10, 1280), ("train", size.duration_s, size.width)):
        bag = work / "shared" / f"{name}.bag"
        if not any(f"{{shared}}/{bag.name}" in job.command for job in chosen):
            continue
        command = f"reloc simulate --placement 1 --duration {duration_s} --seed 1 --width {width} -o {bag}"
        timed(command, builds[HERE], work / "shared")


def reported(report: Report, builds: dict[str, dict[str, str]], roots: dict[str, Path], work: Path) -> list[str]:
    """What a report prints, as lines of a page."""
    lines = ["", f"## {report.title}", ""]
    places: dict[str, object] = {"shared": work / "shared", "bundle": roots.get(BEFORE, ROOT) / "models" / "airframe"}
    places["other"] = f"--before {roots[BEFORE]}" if BEFORE in roots else ""
    for build in [HERE] if report.measures_both else roots:
        command = report.command.format(root=roots[build], own=work / build, **places)
        timed(command, builds[build], work / build, may_fail=build == BEFORE)
        # where an older build cannot, its last words say why
        said = "\n".join((work / build / "log.txt").read_text(errors="replace").strip().splitlines()[-MOST_LINES:])
        # where the checkout lies on this computer is of no interest
        said = said.replace(f"{roots[build]}/", "")
        lines += [f"{build}:" if len(roots) > 1 and not report.measures_both else "", "```text", said, "```", ""]
    return lines


def flights_of(size: Size) -> list[TestFlight]:
    """Those on which the accuracy is measured."""
    if size.accuracy_s:
        return test_flights(size.accuracy_s)
    # a tiny run sees whether everything works
    return [TestFlight("a moment", "moment.bag", "--placement 6 --duration 1 --rate 4 --width 320 --compressed")]


def accuracy(flight: TestFlight, builds: dict[str, dict[str, str]], roots: dict[str, Path], work: Path) -> list[str]:
    """Rows of the errors of each build's shipped model on a flight, by its own code from the bag on."""
    bag = work / "shared" / flight.bag
    timed(f"reloc simulate {flight.plan} -o {bag}", builds[HERE], work / "shared")
    folders = {}
    for build, root in roots.items():
        data, result = work / build / f"{bag.stem}_flight", work / build / f"{bag.stem}_result"
        timed(f"reloc extract {bag} {COMPRESSED_FRAMES} -o {data}", builds[build], work / build)
        timed(f"reloc evaluate {root}/models/airframe {data} -o {result}", builds[build], work / build)
        folders[build] = result
    return table(flight, folders, HERE)


def row(job: Job, times: dict[str, Times]) -> str:
    """A line of the table: seconds of the processor (of the clock), and their ratios with what is wanted."""

    def seconds(build: str) -> str:
        if build not in times:
            return "-"
        return f"{median(times[build].processor_s):.2f} ({median(times[build].clock_s):.2f})"

    def ratio(other: str, wanted: float | None) -> str:
        if other not in times:
            return "-"
        # limits on the clock, because they are to use all cores; builds by the processor, whatever else runs
        kind = "clock_s" if other == LIMIT else "processor_s"
        value = median(getattr(times[HERE], kind)) / median(getattr(times[other], kind))
        bar = "" if wanted is None else f", {'meets' if value <= wanted else '**misses**'} {wanted:.2f}"
        return f"{value:.2f}{bar}"

    ratios = [ratio(other, wanted) for other, wanted in zip((LIMIT, BEFORE), job.wanted)]
    return f"| {job.name} | {seconds(LIMIT)} | {seconds(BEFORE)} | {seconds(HERE)} | {' | '.join(ratios)} |"


def map_sizes(builds: Sequence[str], images: int, work: Path) -> list[str]:
    """What the files of the maps take, as lines of a page."""
    files = {build: work / build / "bundle" / "landmarks.npz" for build in builds}
    told = [f"{build} {path.stat().st_size / 1e6:.2f} MB" for build, path in files.items() if path.is_file()]
    return ["", f"The map's file of {images} images: {', '.join(told)}."] if told else []


def commit_of(checkout: Path) -> str:
    """Its short name, with "-dirty" where a file but the page itself was changed; "unknown" outside git."""

    def said(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(checkout), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    changed = said("status", "--porcelain", "--untracked-files=no", "--", ".", ":!benchmarks/RESULTS.md")
    return (said("rev-parse", "--short", "HEAD") or "unknown") + ("-dirty" if changed else "")


def page(rows: Sequence[str], size: Size, before: Path | None) -> str:
    """RESULTS.md: on what machine, which builds, the table and what else is printed, and the notes of NOTES."""
    processors = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    model = processors[0].partition(":")[2].strip() if processors else platform.machine()
    older = f"; before: {commit_of(before)}" if before else "; no older build was measured"
    head = [
        "# Results",
        "",
        f"{date.today().isoformat()}, {len(os.sched_getaffinity(0))} cores of {model}, load {os.getloadavg()[1]:.1f}.",
        f"Here: {commit_of(ROOT)}{older}. Made by `make bench`{' (QUICK)' if size is QUICK else ''}.",
        "",
        f"The flight has {10 * size.duration_s} images of a width of {size.width}. Seconds of the processor (on the",
        "clock), medians. A ratio to the limit is of the clock, one to the older build of the processor's seconds;",
        "behind it the bar, where there is one.",
        "",
        "| job | limit | before | here | here / limit | here / before |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    # they are about the whole sizes
    notes = [] if size is QUICK else ["", NOTES.read_text(encoding="utf-8").rstrip()]
    return "\n".join([*head, *rows, *notes, ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", type=Path, metavar="CHECKOUT", help="an older build, set up")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to see that everything runs")
    names = [*(job.name for job in jobs(QUICK)), ACCURACY]
    parser.add_argument("--jobs", nargs="+", metavar="JOB", help=f"only these, of: {', '.join(names)}")
    parser.add_argument("--work", type=Path, metavar="FOLDER", help="kept; default: a temporary one")
    parser.add_argument("--results", type=Path, metavar="FILE.md", help="the page to write; default: print it")
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    roots = {HERE: ROOT}
    if arguments.before:
        roots[BEFORE] = arguments.before.resolve()
    builds = {build: environment_of(root) for build, root in roots.items()}
    with tempfile.TemporaryDirectory() as temporary:
        # paths of commands are seen from the builds' own folders
        work = (arguments.work or Path(temporary)).resolve()
        chosen = [job for job in jobs(size) if not arguments.jobs or job.name in arguments.jobs]
        prepare(chosen, size, builds, work)
        rows: list[str] = []

        def add(lines: Sequence[str]) -> None:
            """Print lines and put them into the page at once: a run that is ended leaves what it measured."""
            rows.extend(lines)
            print("\n".join(lines), flush=True)
            if arguments.results:
                arguments.results.write_text(page(rows, size, arguments.before), encoding="utf-8")

        for job in chosen:
            add([row(job, measure(job, builds, work))])
        add(map_sizes(list(builds), 10 * size.duration_s, work))
        if not arguments.jobs:
            for report in reports(size):
                add(reported(report, builds, roots, work))
        if not arguments.jobs or ACCURACY in arguments.jobs:
            add(["", "## Accuracy of the shipped model", "", *HEAD])
            for flight in flights_of(size):
                add(accuracy(flight, builds, roots, work))


if __name__ == "__main__":
    main()
