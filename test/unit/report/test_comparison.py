# SPDX-License-Identifier: BSD-3-Clause
import csv
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from made_result import made_result

from camera_relocalization_ros.cli.compare import FORMATS
from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import ResultError
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.result_files import write_result
from camera_relocalization_ros.report.tables import comparison_text
from camera_relocalization_ros.report.tables.comparison import common_images, comparison_rows, same_images
from camera_relocalization_ros.report.tables.thesis_results import load_thesis_results


def test_rows_are_results_groups_baselines_and_the_thesis():
    results = [made_result(60, 0, "one"), made_result(60, 1, "two")]
    rows = comparison_rows(results, ("thesis:airframe-ind",), "placements")
    assert [row.name for row in rows[:6]] == ["one", "  1", "  2", "two", "  1", "  2"]
    assert [row.name for row in rows if row.kind == "baseline"] == ["constant pose (one)"]  # the same for both
    thesis = [row for row in rows if row.kind == "reference"]
    reported = [r for r in load_thesis_results() if r.combination.data_set == "airframe-ind"]
    assert [row.numbers["position_m_median"] for row in thesis] == [float(r.position_m["median"]) for r in reported]
    assert rows[0].numbers["position_m_median"] == np.median(results[0].errors().position_m)
    assert rows[0].numbers["answered"] == 1.0 and rows[0].numbers["coverage90_pose"] > 0.7


def test_thesis_alone_is_its_best_of_each_data_set():
    rows = [row for row in comparison_rows([made_result(20)], ("thesis",)) if row.kind == "reference"]
    assert len(rows) == 9
    assert any("airframe-ind" in row.name for row in rows)


def test_head_and_loss_of_the_thesis_rows_are_seen_in_a_terminal():
    rows = comparison_rows([made_result(20)], ("thesis:airframe-ind",))
    names = [row.name for row in rows if row.kind == "reference"]
    assert len(names) == 22
    shown = [line.split("  ")[0] for line in comparison_text.terminal_tables(rows).splitlines()]
    shown = [name for name in shown if name.startswith("thesis 4.")]
    # no two are alike, and each tells table, head and loss
    assert len(set(shown)) == len(names) and max(map(len, shown)) <= comparison_text.MAX_NAME
    for name, short in zip(names, shown):
        assert short.split(",")[0] == name.split(",")[0] and short.split(", ")[-2:] == name.split(", ")[-2:]


def test_names_that_differ_in_their_middle_stay_whole():
    rows = comparison_rows([made_result(20, name=f"{'a' * 30}{n}{'b' * 30}") for n in range(2)])
    text = comparison_text.terminal_tables(rows)
    assert all(f"{'a' * 30}{n}{'b' * 30}" in text for n in range(2))


@pytest.mark.parametrize("reference", ["paper", "thesis:moon"])
def test_unknown_reference_lists_the_known(reference):
    with pytest.raises(ResultError, match="expected thesis or one of.*thesis:redkitchen"):
        comparison_rows([made_result(20)], (reference,))


def test_formats_have_one_line_for_each_row():
    result = made_result(60, name="under_score & | 100 %\x1b[2J")
    rows = comparison_rows([result], ("thesis",))
    assert set(FORMATS) == set(comparison_text.FORMATS)
    reported = comparison_text.tables(rows)
    # of the thesis only errors of all estimates are known
    assert [len(table.cells) for table in reported] == [len(rows), 2, 1, 1, 1]
    assert reported[0].title == "Errors of all estimates" and len(reported[0].cells) == len(reported[0].kinds)
    terminal = [part.splitlines() for part in comparison_text.terminal_tables(rows).strip("\n").split("\n\n")]
    assert [len(lines) for lines in terminal] == [1 + len(table.cells) for table in reported]
    assert all(len({len(line) for line in lines}) == 1 and len(lines[0]) < 200 for lines in terminal)
    assert "\x1b" not in str(terminal)
    markdown = [part.splitlines() for part in comparison_text.markdown_tables(rows).strip("\n").split("\n\n")]
    assert [len(lines) for lines in markdown] == [2 + len(table.cells) for table in reported]
    assert all(len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1 for lines in markdown)
    latex = comparison_text.latex_tables(rows)
    assert r"under\_score \& | 100 \%" in latex
    assert latex.count(r" \\") == sum(1 + len(table.cells) for table in reported)
    read = list(csv.DictReader(io.StringIO(comparison_text.csv_table(rows))))
    assert float(read[0]["position_m_median"]) == pytest.approx(rows[0].numbers["position_m_median"])
    assert read[-1]["position_m_p95"] == ""


def test_every_format_tells_what_a_part_is_of_and_csv_in_what_unit():
    results = [made_result(60, 0, "one"), made_result(60, 1, "two", metric=False)]
    rows = comparison_rows(results, by="placements")
    terminal, markdown, latex = (comparison_text.FORMATS[name](rows) for name in ("terminal", "markdown", "latex"))
    starts = [[line.split(end)[0] for line in text.splitlines()] for text, end in ((markdown, " | "), (latex, " & "))]
    assert starts[0][2:6] == ["| one", "| &emsp;1", "| &emsp;2", "| two"]
    assert starts[1][4:8] == ["one", r"\quad 1", r"\quad 2", "two"]
    assert [line[:4].rstrip() for line in terminal.splitlines()[1:5]] == ["one", "  1", "  2", "two"]
    read = list(csv.DictReader(io.StringIO(comparison_text.csv_table(rows))))
    told = [(row["name"], row["of"], row["unit"]) for row in read[:6]]
    assert told[:3] == [("one", "", "m"), ("1", "one", "m"), ("2", "one", "m")]
    assert told[3:] == [("two", "", "units"), ("1", "two", "units"), ("2", "two", "units")]


def test_limits_of_results_in_metres_and_in_units_name_both():
    columns = [
        comparison_text.tables(comparison_rows(results))[1].columns[1]
        for results in (
            [made_result(20)],
            [made_result(20, metric=False)],
            [made_result(20), made_result(20, metric=False)],
        )
    ]
    assert columns == ["5 cm/5 deg [%]", "0.05 units/5 deg [%]", "0.05 m or units/5 deg [%]"]


def test_a_median_of_few_images_has_no_interval():
    texts = [comparison_text.tables(comparison_rows([made_result(count)]))[0].cells[0][2] for count in (1, 5, 6)]
    assert ["(" in text for text in texts] == [False, False, True]


def test_results_of_other_images_are_told_and_can_be_joined():
    first, second = made_result(60), made_result(60).select(np.arange(10, 60))
    assert same_images([first, first]) and not same_images([first, second])
    assert [len(result) for result in common_images([first, second])] == [50, 50]
    with pytest.raises(ResultError, match="no image was localized in all"):
        common_images([first, replace(first, stamps_ns=first.stamps_ns + 1)])


def test_command(tmp_path, capsys):
    write_result(tmp_path / "a", made_result(60, 0, "a"))
    write_result(tmp_path / "b", made_result(60, 1, "b").select(np.arange(40)))
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--reference", "thesis"]) == 0
    printed = capsys.readouterr()
    assert "not about the same images" in printed.err
    assert [line.split()[1] for line in printed.out.splitlines()[1:3]] == ["60", "40"]
    both = ["compare", str(tmp_path / "a"), str(tmp_path / "b"), "--common", "--format", "csv"]
    assert main([*both, "-o", str(tmp_path / "deep" / "table.csv")]) == 0
    assert not capsys.readouterr().err
    assert (tmp_path / "deep" / "table.csv").read_text().splitlines()[1].startswith("a,answer,40,")
    # the folder that `evaluate --stages` writes
    assert main(["compare", str(tmp_path), "--format", "csv"]) == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()[1:3]] == ["a", "b"]
    assert main(["compare", str(tmp_path / "deep")]) == 1


def test_ok_answers_trust_and_times_have_tables_of_their_own():
    result = made_result(60, ok_position_m=0.5, ok_orientation_deg=10.0)
    result.states[:30], result.latency_s[:] = State.DEGRADED, 0.05
    result.estimate[:30, 0] += 5.0
    cells = {}
    for table in comparison_text.tables(comparison_rows([result])):
        cells.update({(table.title, column): text for column, text in zip(table.columns, table.cells[0][1:])})
    ok = result.select(result.accepted).errors()
    assert cells["OK estimates", "OK [%]"] == "50.0"
    assert cells["OK estimates", "max [m]"] == f"{ok.position_m.max():.4f}"
    assert cells["OK estimates", "median [deg]"] == f"{np.median(ok.orientation_deg):.2f}"
    assert 0 <= float(cells["OK estimates", "false accepts [%]"]) < 10
    assert float(cells["Errors of all estimates", "max [m]"]) > 4
    within = cells["Localized images, and estimates within limits", "50 cm/5 deg [%]"]
    assert re.fullmatch(r"\d+\.\d \(\d+\.\d to \d+\.\d\)", within), within
    assert cells["Times", "latency p95 [ms]"] == "50"
    assert float(cells["Covariance", "NEES pose"]) > 3
    # the first placement's answers were the DEGRADED ones
    groups = [row.numbers for row in comparison_rows([result], by="placements") if row.kind == "group"]
    assert [numbers["accepted"] for numbers in groups] == [0.0, 1.0]
    assert "ok_position_m_max" not in groups[0] and groups[1]["ok_position_m_max"] == ok.position_m.max()


def test_markdown_takes_no_name_for_markup():
    name = "[a](http://b) <img src=x> `c` | d"
    text = comparison_text.markdown_tables(comparison_rows([made_result(40, name=name)], ()))
    assert r"\[a\](http://b) \<img src=x\> \`c\` \| d" in text
