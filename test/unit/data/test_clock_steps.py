# SPDX-License-Identifier: BSD-3-Clause
import numpy as np
import pytest
from helpers import START_NS

from camera_relocalization_ros.data.clock_steps import SetBack, in_clock_of_images, set_backs

MS = 1_000_000
STAMPS_NS = START_NS + 10 * MS * np.arange(1000)


def stepped(index, by_ms, stamps_ns=STAMPS_NS):
    return np.where(np.arange(len(stamps_ns)) < index, stamps_ns, stamps_ns - by_ms * MS)


@pytest.mark.parametrize("by_ms", [50, 5003, 100_000])
def test_a_clock_that_was_set_back_is_found_to_the_message(by_ms):
    assert set_backs(stepped(500, by_ms)) == [SetBack(500, by_ms * MS)]


def test_late_single_doubled_and_shuffled_messages_are_no_step():
    ahead, late = STAMPS_NS.copy(), STAMPS_NS.copy()
    ahead[300] += 10_000 * MS
    late[300] -= 10_000 * MS
    relayed = np.concatenate([np.concatenate([batch, batch - 200 * MS]) for batch in STAMPS_NS.reshape(-1, 5)])[:-5]
    burst = np.concatenate([STAMPS_NS[:100], STAMPS_NS[110:120], STAMPS_NS[100:110], STAMPS_NS[120:]])
    rng = np.random.default_rng(0)
    shuffled, jittered = rng.permutation(STAMPS_NS), STAMPS_NS[np.argsort(STAMPS_NS + rng.exponential(5e7, 1000))]
    for stamps_ns in (STAMPS_NS, STAMPS_NS[:2], STAMPS_NS[:0], ahead, late, relayed, burst, shuffled, jittered):
        assert set_backs(stamps_ns) == []


def test_what_comes_after_a_step_that_the_images_did_not_make_is_left_out():
    kept, message = in_clock_of_images(stepped(500, 5003), [])
    assert kept.tolist() == [True] * 500 + [False] * 500
    assert message == "set back by 5.003 s in flight, and all after it is left out"


def test_of_clocks_set_back_together_each_moment_counts_once_and_none_is_interpolated_across():
    stamps_ns = stepped(500, 2000)
    kept, message = in_clock_of_images(stamps_ns, set_backs(stepped(50, 2000, STAMPS_NS[::10])))
    assert kept[:500].all() and "with the images'" in message
    assert stamps_ns[500:][kept[500:]].min() == STAMPS_NS[499] + 1010 * MS
    assert np.all(np.diff(stamps_ns[kept]) > 0)
