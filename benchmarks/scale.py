# SPDX-License-Identifier: BSD-3-Clause
"""What extraction costs on a Dask cluster: measured with one and two workers here, computed for 10, 100 and 1,000.

    python benchmarks/scale.py [--bags 6] [--seconds 4] [--flight-images 12000] [--nic 125] [--storage 2000]

Writes bags of 1280x720 JPEG images with 120 Hz TF, and has one and two worker processes extract them: wall clock, and
the processor's time of workers and client, which other work on the computer disturbs less. Bags of two lengths tell
what is per flight from what is per image. From that and from bytes it computes how long more workers need. Each has one
core and `nic` MB/s, and all share a storage of `storage` MB/s for reading bags and writing data sets; the client takes
in one flight at a time and reads the rows of the data set, of 1,000 flights at most, in the end. The scheduler is taken
to cost nothing.
"""

from __future__ import annotations

import argparse
import heapq
import os
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Iterator

import psutil
from extraction import IMAGE_HZ, pictures, write_bag

from camera_relocalization_ros.ros.bags.extraction import ExtractionOptions, extract
from camera_relocalization_ros.simulation.camera_kind import X3_CAMERA

if TYPE_CHECKING:
    from distributed import Client

MB = 1e6
FLEETS = ((10, (1, 2, 10)), (1_000, (10, 100)), (100_000, (100, 1_000)))
# of a data set: one process reads its rows in the end
MOST_FLIGHTS = 1_000
# of the shorter bags, beside the longer ones
SHORT_SHARE = 0.25


@dataclass(frozen=True)
class Cost:
    """Seconds of a worker's processor and of the client's, bytes read from and written to the storage."""

    worker_s: float
    client_s: float
    read_bytes: float
    written_bytes: float

    def plus(self, other: Cost, factor: float = 1.0) -> Cost:
        """The sum, the other one taken so many times."""
        return Cost(*(mine + factor * its for mine, its in zip(vars(self).values(), vars(other).values())))

    def times(self, factor: float) -> Cost:
        """All of it so many times."""
        return Cost(*(factor * value for value in vars(self).values()))


@dataclass(frozen=True)
class FlightCost:
    """What a flight takes whatever its length, and what each of its images takes besides."""

    per_flight: Cost
    per_image: Cost

    @classmethod
    def from_two(cls, short: Cost, short_images: int, long: Cost, long_images: int) -> FlightCost:
        """From the costs of flights of two lengths; what noise makes negative is nothing."""
        per_image = long.plus(short, -1).times(1 / (long_images - short_images))
        per_flight = Cost(*(max(value, 0.0) for value in vars(short.plus(per_image, -short_images)).values()))
        return cls(per_flight, per_image)

    def of(self, images: int) -> Cost:
        """That of a flight of so many images."""
        return self.per_flight.plus(self.per_image, images)


def makespan_s(cost: FlightCost, images: int, flights: int, workers: int, nic: float, storage: float) -> float:
    """Seconds until the data sets of so many flights are there: each worker takes the next one when it is free.

    nic, storage: bytes a second of each worker and of all together, which the workers that are at work share. Of
    MOST_FLIGHTS in a data set, which is a command of its own, only the last is waited for after the extraction.
    """
    of_flight, busy = cost.of(images), min(workers, flights)
    rate = min(nic, storage / busy)
    flight_s = of_flight.worker_s + (of_flight.read_bytes + of_flight.written_bytes) / rate
    free_at, client_at = [0.0] * busy, 0.0
    for _ in range(flights):
        done = heapq.heappop(free_at) + flight_s
        heapq.heappush(free_at, done)
        client_at = max(client_at, done) + cost.per_flight.client_s
    return client_at + min(flights, MOST_FLIGHTS) * images * cost.per_image.client_s


@contextmanager
def workers_of(count: int) -> Iterator[tuple[Client, list[psutil.Process]]]:
    """A cluster of worker processes on this computer that have loaded what extraction needs, and those processes."""
    from distributed import Client
    from distributed.deploy.subprocess import SubprocessCluster

    # the scheduler in a process of its own: it would count as the client
    with SubprocessCluster(n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        with Client(cluster, set_as_default=False) as client:
            client.wait_for_workers(count)
            client.run(_prepare)
            yield client, [psutil.Process(pid) for pid in client.run(os.getpid).values()]


def _prepare() -> None:
    __import__("camera_relocalization_ros.ros.bags.extraction")
    # libjpeg speaks of the mark behind each image
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def processor_s(processes: list[psutil.Process]) -> float:
    """Their processor's time so far."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def bytes_of(folder: Path) -> int:
    """Those of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def measured(bags: list[Path], output: Path, client: Client, processes: list[psutil.Process]) -> tuple[float, Cost]:
    """Wall clock of the bags by the workers, and the cost of a bag."""
    from camera_relocalization_ros.fleet.dask_cluster import DaskEngine

    options = ExtractionOptions("/camera/image_raw", "map", "camera", camera=X3_CAMERA)
    me = psutil.Process()
    before, own_before, started = processor_s(processes), processor_s([me]), time.monotonic()
    extract(bags, options, output, DaskEngine(client))
    wall_s = time.monotonic() - started
    worker_s, client_s = processor_s(processes) - before, processor_s([me]) - own_before
    read = sum(bag.stat().st_size for bag in bags)
    return wall_s, Cost(*(value / len(bags) for value in (worker_s, client_s, read, bytes_of(output))))


def report(cost: FlightCost, images: int, nic_mb: float, storage_mb: float) -> None:
    """What a flight costs, and a table of fleets and workers."""
    one = cost.of(images)
    print(
        f"a flight of {images} images ({images / IMAGE_HZ / 60:.0f} min): {one.worker_s / 60:.1f} core minutes, ",
        end="",
    )
    print(f"{one.read_bytes / 1e9:.2f} GB read, {one.written_bytes / 1e9:.2f} GB written, ", end="")
    print(f"of the client {cost.per_flight.client_s:.3f} s, and {images * cost.per_image.client_s:.2f} s in the end\n")
    print("| flights | workers | hours | workers' use of their core |\n| --- | --- | --- | --- |")
    for flights, fleet in FLEETS:
        for workers in fleet:
            seconds = makespan_s(cost, images, flights, workers, nic_mb * MB, storage_mb * MB)
            use = flights * one.worker_s / (workers * seconds)
            print(f"| {flights:,} | {workers:,} | {seconds / 3600:.2f} | {100 * use:.0f} % |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bags", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=4.0, help="of the longer bags")
    parser.add_argument("--flight-images", type=int, default=12_000, help="of the flight that the table is for")
    parser.add_argument("--nic", type=float, default=125.0, help="MB/s of a worker's network (default: 1 Gbit/s)")
    parser.add_argument("--storage", type=float, default=2_000.0, help="MB/s of the storage that all share")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder, images, found = Path(name), pictures(X3_CAMERA), {}
        lengths = {"short": SHORT_SHARE * arguments.seconds, "long": arguments.seconds}
        bags = {kind: [folder / f"{kind}{number}.bag" for number in range(arguments.bags)] for kind in lengths}
        counts = {kind: [write_bag(bag, images, lengths[kind], raw=False) for bag in bags[kind]][0] for kind in bags}
        for workers in (1, 2):
            with workers_of(workers) as cluster:
                # the first bag costs what is loaded at the first use
                measured(bags["short"][:1], folder / f"first{workers}", *cluster)
                for kind in bags:
                    wall_s, cost = measured(bags[kind], folder / f"{kind}{workers}", *cluster)
                    rate = arguments.bags * counts[kind] / wall_s
                    print(
                        f"{workers} workers, bags of {counts[kind]} images: {wall_s:.1f} s, {rate:.0f} images/s; ",
                        end="",
                    )
                    print(f"of a bag: worker {cost.worker_s:.3f} s, client {cost.client_s:.3f} s")
                    found[workers, kind] = cost
    cost = FlightCost.from_two(found[1, "short"], counts["short"], found[1, "long"], counts["long"])
    report(cost, arguments.flight_images, arguments.nic, arguments.storage)


if __name__ == "__main__":
    main()
