# SPDX-License-Identifier: BSD-3-Clause
"""Long work tells whoever asked how far it has come."""

import pytest

from camera_relocalization_ros.core.progress import Step, Task, reporting, tracked


def test_each_item_is_a_step_and_the_end_is_one_too():
    steps = []
    with reporting(steps.append):
        assert list(tracked("ab", "reading", "letter")) == ["a", "b"]
    assert steps == [Step("reading", done, 2, "letter") for done in range(3)] + [
        Step("reading", 2, 2, "letter", is_over=True)
    ]


def test_work_that_breaks_off_is_over_too():
    steps = []
    with pytest.raises(ZeroDivisionError), reporting(steps.append), Task(
        "dividing",
        9,
        "number",
    ) as task:
        task.reach(4, "by zero next")
        raise ZeroDivisionError
    assert steps[-2:] == [
        Step("dividing", 4, 9, "number", "by zero next"),
        Step("dividing", 4, 9, "number", "by zero next", is_over=True),
    ]


def test_it_is_silent_where_nobody_asked_and_none_leaves_it_to_whoever_did(capsys):
    steps = []
    assert list(tracked(iter("abc"), "reading", "letter", 3)) == ["a", "b", "c"]
    with reporting(steps.append), reporting(None):
        list(tracked("a", "reading", "letter"))
    list(tracked("b", "reading", "letter"))
    assert len(steps) == 3 and capsys.readouterr() == ("", "")
