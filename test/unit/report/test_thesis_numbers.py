# SPDX-License-Identifier: BSD-3-Clause
"""Every number of the thesis' tables 4.5-4.17 as its text has it, and the sizes of 4.1 and 4.4. Pictures have none."""

import re
from pathlib import Path

import pytest

from camera_relocalization_ros.aircraft.placements import PLACEMENTS
from camera_relocalization_ros.core.pose_errors import STATISTICS
from camera_relocalization_ros.evaluation.thesis_grid import (
    DATA_SETS,
    METHODS,
    SIZES,
    TEMPORAL_METHODS,
    THESIS_BACKBONES,
)
from camera_relocalization_ros.report.tables.thesis_results import load_thesis_results

# its text, that one may lay beside the checkout; it is not ours to ship
TEXT = Path("shared/reference/thesis.txt")
FOLDERS = Path(__file__).resolve().parents[3].parents
FOUND = next((folder / TEXT for folder in FOLDERS if (folder / TEXT).is_file()), None)

ROW = re.compile(r"(Spatial-LSTM|Regressor|Temporal-GRU), ?(QEH|NH)((?:\t[\d.]+){8})\s*$")
# bold, marks of footnotes, and what formulas are set with
TYPE = re.compile(r"<sup>.*?</sup>|</?b>|\\(?:circ|star|dagger|ddagger|mathrm)|[$*^{}°\\ ]")
HEADS = {"Spatial-LSTM": "spatial_lstm", "Regressor": "regressor", "Temporal-GRU": "temporal_gru"}
SCENES = {"Chess": "chess", "Fire": "fire", "Heads": "heads", "Office": "office", "Pumpkin": "pumpkin"}
SCENES |= {"Red Kitchen": "redkitchen", "Stairs": "stairs"}

needs_text = pytest.mark.skipif(FOUND is None, reason=f"no {TEXT} beside the checkout")


def expected_rows():
    """Table, data set, backbone, head and loss of the rows, in the order of the thesis."""
    for experiment, first in (("7scenes", 5), ("airframe", 11)):
        for number, backbone in enumerate(THESIS_BACKBONES, start=first):
            for data_set in DATA_SETS[experiment]:
                # the last of our methods is PoseNet's, which these tables do not have
                yield from ((f"4.{number}", data_set, backbone, *method) for method in METHODS[:4])
    # no row for the network that did not fit into its GPU
    for backbone in ("googlenet_imagenet", "googlenet_places365", "vgg16_hybrid1365"):
        yield from (("4.17", "airframe-ind", backbone, *method) for method in TEMPORAL_METHODS)


@needs_text
def test_tables_of_methods():
    lines = re.sub("</?b>", "", FOUND.read_text(encoding="utf-8")).splitlines()
    rows = [match.groups() for match in map(ROW.search, lines) if match]
    keys = list(expected_rows())
    assert len(rows) == len(keys) == 4 * 28 + 4 * 8 + 6
    ours = {
        (r.table, *vars(r.combination).values()): [
            number for name in STATISTICS for number in (r.position_m[name], r.orientation_deg[name])
        ]
        for r in load_thesis_results()
        if not r.quoted
    }
    assert set(ours) == set(keys)
    for key, (head, loss, numbers) in zip(keys, rows):
        assert key[3:] == (HEADS[head], loss.lower()), key
        # the columns are median, mae, max, std, each of position and orientation
        assert ours[key] == numbers.split("\t")[1:], key


@needs_text
def test_the_table_of_others():
    ours = {}
    for result in load_thesis_results():
        if result.quoted:
            pair = (result.position_m["median"], result.orientation_deg["median"])
            ours.setdefault(result.combination.data_set, []).append(pair)
    text = FOUND.read_text(encoding="utf-8")
    table = text[text.index("TABLE 4.9") :]
    for scene, data_set in SCENES.items():
        [line] = re.findall(rf"^{scene}\t.*$", table, re.MULTILINE)
        assert re.findall(r"([\d.]+)m,([\d.]+)", TYPE.sub("", line)) == ours[data_set], line


@needs_text
def test_placements_of_the_airframe():
    text = FOUND.read_text(encoding="utf-8")
    found = re.findall(r"[pq]\}? = \((-?\d\.\d+(?:, -?\d\.\d+){2,3})\)", text)
    # in the text the quaternions stand among images, out of order
    assert sorted(tuple(map(float, numbers.split(", "))) for numbers in found) == sorted(
        numbers for placement in PLACEMENTS.values() for numbers in placement
    )


@needs_text
def test_sizes_of_the_data_sets():
    text = TYPE.sub("", FOUND.read_text(encoding="utf-8").replace("$\\operatorname{Pumpkin}$", "Pumpkin"))
    for scene, data_set in SCENES.items():
        # the first of its name is table 4.1's
        [numbers, *_] = re.findall(rf"^{scene.replace(' ', '')}\t(\d+)\t(\d+)\t", text, re.MULTILINE | re.IGNORECASE)
        assert tuple(map(int, numbers)) == SIZES[data_set], scene
    [total] = re.findall(r"^Sum\t(\d+)\t(\d+)\t(\d+)\t(\d+)\s", text, re.MULTILINE)
    assert tuple(map(int, total)) == SIZES["airframe-mixed"] + SIZES["airframe-ind"]
    assert set(SIZES) == {name for names in DATA_SETS.values() for name in names}


def numbers_of(text, kinds=""):
    """Numbers such as 3.4.1 in a text, those between `A to B` too."""
    found = set()
    for first, last in re.findall(rf"{kinds}\b(\d(?:\.\d+){{1,2}})(?: to (\d(?:\.\d+){{1,2}}))?", text):
        stem, _, end = (last or first).rpartition(".")
        begin = first.rpartition(".")[2]
        found |= {f"{stem}.{number}" for number in range(int(begin), int(end) + 1)}
    return found


@needs_text
def test_the_page_has_every_section_equation_figure_and_table():
    text = FOUND.read_text(encoding="utf-8")
    page = (Path(__file__).resolve().parents[3] / "docs/thesis.md").read_text(encoding="utf-8")
    parts = dict(part.split("\n", 1) for part in re.split("^## ", page, flags=re.MULTILINE)[1:])
    sections = set(re.findall(r"^#+ \**(\d(?:\.\d){1,2})\b", text, re.MULTILINE))
    of_more_than_their_parts = {"3.1", "4.3", "4.4"}
    leaves = {s for s in sections if not any(other.startswith(f"{s}.") for other in sections)}
    assert len(leaves) > 30 and not (leaves | of_more_than_their_parts) - numbers_of(parts["Sections"])
    equations = set(re.findall(r"\((\d\.\d+)\)[$ ]*$|\\tag\{(\d\.\d+)\}", text, re.MULTILINE))
    equations = {number for pair in equations for number in pair if number}
    assert len(equations) == 37 and not equations - numbers_of(parts["Equations"])
    lists = {
        "figures": text[text.index("# List of Figures") : text.index("## List of Tables")],
        "tables": text[text.index("## List of Tables") : text.index("#### Bibliography")],
    }
    early, late = parts["Figures and tables"].split("Chapter 4, in its order")
    named = {"figures": numbers_of(early) | numbers_of(late, "figure "), "tables": numbers_of(late, "tables? ")}
    for kind, listed in lists.items():
        expected = set(re.findall(r"^(\d\.\d+)\t", listed, re.MULTILINE))
        assert len(expected) > 15 and not expected - named[kind], kind
