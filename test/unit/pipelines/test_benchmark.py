# SPDX-License-Identifier: BSD-3-Clause
"""What a computer can do with a bundle: advice from times that are known, and one measurement of a small bundle."""

import json
import math
import re

import pytest
from colour_bundle import COLOUR_BUNDLE

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.localization.landmarks.health import LONGEST_SEARCH_S, SMALL_SCALE
from camera_relocalization_ros.localization.landmarks.pipeline import whole_image_effort
from camera_relocalization_ros.pipelines.benchmark import Benchmark, Stopwatch, Times, advise, benchmark_text


def times(median_s, processor_s=None):
    return Times(median_s, 1.2 * median_s, median_s if processor_s is None else processor_s)


def measured(network=None, **changes):
    values = {
        "bundle": "bundle",
        "provider": "CPUExecutionProvider",
        "cores": 4,
        "image_width": 640,
        "image_height": 360,
        "are_made_up": False,
        "network": network or {1: times(0.02), 2: times(0.012, 0.024), 4: times(0.011, 0.044)},
        "tracking": times(0.01),
        "search": times(0.1),
        "memory_bytes": 300_000_000,
        "hottest_before_c": 40.0,
        "hottest_after_c": 55.0,
    }
    return Benchmark(**{**values, **changes})


def test_threads_that_gain_nothing_are_left_to_the_search():
    advice = advise(measured(), camera_rate=10.0)
    assert advice.threads == 2
    assert advice.is_enough
    # at 95 of 100 of 12 and of 10 ms, in four fifths of the time between two images
    assert advice.most_images_per_s == pytest.approx(0.8 / (1.2 * 0.022))
    assert advice.refinement_rate == 5.0
    assert "enough for 10 images a second" in advice.text


def test_a_computer_that_cannot_follow_the_camera_says_what_it_can():
    advice = advise(measured({1: times(0.4)}), camera_rate=10.0)
    assert not advice.is_enough
    assert advice.text.startswith("not enough for 10 images a second: it can do 1.6")


def test_a_computer_without_cores_for_the_search_says_so():
    advice = advise(measured({1: times(0.05)}, cores=1, tracking=times(0.01), search=times(1.0)), camera_rate=10.0)
    assert not advice.is_enough
    assert advice.refinement_rate < 0.5
    assert "nothing is left to search for landmarks" in advice.text


def test_a_long_search_is_of_a_smaller_image_as_in_the_node_and_complained_of_as_there():
    def advised(search_s):
        return advise(measured(cores=8, search=times(search_s)), camera_rate=10.0)

    # a node that measures 0.6 s takes 0.7 of the width from then on
    effort = whole_image_effort(SMALL_SCALE)
    assert advised(0.6).refinement_rate == math.floor(10 * 0.8 / (0.6 * effort)) / 10
    assert advised(0.6).is_enough
    long = advised(1.1 * LONGEST_SEARCH_S / effort)
    assert not long.is_enough
    assert "a search for landmarks takes 1.1 s; it should take 1 s at most" in long.text


def test_the_search_that_is_judged_is_in_the_table():
    long = measured(cores=8, search=times(1.6))
    text = benchmark_text(long, advise(long, 10.0))
    judged = float(re.search(r"a search for landmarks takes (\S+) s", text)[1])
    shown = float(re.search(r"the same, as in flight +(\S+) ms", text)[1])
    assert judged == pytest.approx(shown / 1000, abs=0.06) and judged < 1.6
    assert "as in flight" not in benchmark_text(measured(), advise(measured(), 10.0))


def test_without_a_map_nothing_is_searched():
    advice = advise(measured(tracking=None, search=None), camera_rate=10.0)
    assert (advice.is_enough, advice.refinement_rate) == (True, -1.0)


def test_a_busy_computer_is_named():
    busy = measured({1: times(0.05, 0.02)}, hottest_before_c=math.nan, hottest_after_c=math.nan)
    text = benchmark_text(busy, advise(busy, 10.0))
    assert "other programs kept this computer busy" in text
    assert "temperature: not readable" in text
    # a search that waits ten times as long as it computes is no search that is slow
    waiting = measured(search=times(1.6, 0.14))
    assert "other programs kept this computer busy" in benchmark_text(waiting, advise(waiting, 10.0))
    calm = benchmark_text(measured(), advise(measured(), 10.0))
    assert "other programs" not in calm
    assert "temperature: 40 to 55 degrees Celsius" in calm


def test_a_stopwatch_that_measured_nothing_has_no_times():
    watch = Stopwatch()
    assert watch.times() is None
    with watch.measuring():
        pass
    assert watch.times().median_s >= 0


def test_command(tmp_path, capsys):
    assert main(["benchmark", str(COLOUR_BUNDLE), "--threads", "1", "--json", str(tmp_path / "b.json")]) == 0
    printed = capsys.readouterr().out
    assert "network, 1 threads" in printed
    assert "set: threads: 1, refinement_rate: -1, camera at no more than" in printed
    assert json.loads((tmp_path / "b.json").read_text())["advice"]["threads"] == 1
    assert main(["benchmark", str(tmp_path)]) == 1
