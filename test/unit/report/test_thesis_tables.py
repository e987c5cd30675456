# SPDX-License-Identifier: BSD-3-Clause
"""The thesis' numbers as they were copied, and its tables with others beside them."""

import csv
import io

import numpy as np
import pytest

from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.evaluation.thesis_grid import (
    DATA_SETS,
    METHODS,
    TEMPORAL_METHODS,
    THESIS_BACKBONES,
    Combination,
    methods_for,
    over_seeds,
)
from camera_relocalization_ros.report.tables.thesis_results import load_thesis_results
from camera_relocalization_ros.report.tables.thesis_tables import (
    METHOD_TABLES,
    TEMPORAL_TABLE,
    Reproduction,
    csv_text,
    markdown,
    report,
    summary_markdown,
    tables,
    to_dict,
)

# what the thesis calls its best (its abstract and conclusions)
BEST = {
    "chess": (".148", "5.26"),
    "fire": (".272", "10.6"),
    "heads": (".177", "14.5"),
    "office": (".212", "7.83"),
    "pumpkin": (".264", "18.3"),
    "redkitchen": (".291", "7.04"),
    "stairs": (".336", "11.8"),
    "airframe-mixed": (".184", "4.22"),
    "airframe-ind": (".268", "5.16"),
}
ALL_OF_METHODS = [number for numbers in METHOD_TABLES.values() for number in numbers.values()]
QEH_LSTM = ("spatial_lstm", "qeh")


def theirs(table, combination):
    [result] = [r for r in load_thesis_results() if (r.table, r.combination) == (table, combination)]
    return result


@pytest.mark.parametrize("data_set", BEST)
def test_the_best_numbers_are_those_of_the_thesis(data_set):
    table = "4.14" if data_set.startswith("airframe") else "4.8"
    result = theirs(table, Combination(data_set, "vgg16_hybrid1365", *QEH_LSTM))
    position, orientation = (float(number) for number in BEST[data_set])
    assert float(result.position_m["median"]) == position
    assert float(result.orientation_deg["median"]) == pytest.approx(orientation, abs=0.05)


@pytest.mark.parametrize(
    "table, combination, position, orientation",
    [
        (
            "4.5",
            ("chess", "googlenet_imagenet", "spatial_lstm", "qeh"),
            "0.157 0.192 0.633 0.122",
            "6.95 8.29 27.13 5.36",
        ),
        (
            "4.6",
            ("heads", "googlenet_places365", "regressor", "qeh"),
            "0.183 0.222 0.693 0.120",
            "14.24 16.78 43.45 8.32",
        ),
        (
            "4.7",
            ("stairs", "inception_resnet_v2_imagenet", "regressor", "nh"),
            "0.361 0.422 1.717 0.251",
            "11.70 19.56 90.77 20.41",
        ),
        (
            "4.12",
            ("airframe-ind", "googlenet_places365", "regressor", "nh"),
            "0.906 0.978 2.686 0.541",
            "17.09 21.25 173.46 15.88",
        ),
        (
            "4.13",
            ("airframe-ind", "inception_resnet_v2_imagenet", "spatial_lstm", "qeh"),
            "0.282 0.417 2.359 0.354",
            "5.28 6.64 32.98 4.86",
        ),
        (
            "4.17",
            ("airframe-ind", "vgg16_hybrid1365", "temporal_gru", "qeh"),
            "0.247 0.378 1.592 0.310",
            "7.67 8.48 32.40 5.00",
        ),
    ],
)
def test_rows_of_each_kind_are_as_printed(table, combination, position, orientation):
    result = theirs(table, Combination(*combination))
    assert " ".join(result.position_m.values()) == position
    assert " ".join(result.orientation_deg.values()) == orientation


def test_the_tables_are_whole_and_their_numbers_can_be():
    results = load_thesis_results()
    for experiment, numbers in METHOD_TABLES.items():
        for backbone, table in numbers.items():
            found = [r.combination for r in results if r.table == table]
            expected = [Combination(name, backbone, *m) for name in DATA_SETS[experiment] for m in METHODS[:4]]
            assert found == expected
    temporal = [r.combination for r in results if r.table == TEMPORAL_TABLE]
    networks = [name for name in THESIS_BACKBONES if name != "inception_resnet_v2_imagenet"]
    assert temporal == [Combination("airframe-ind", name, *m) for name in networks for m in TEMPORAL_METHODS]
    assert len([r for r in results if r.table == "4.9"]) == 4 * 7
    assert {r.table for r in results} == {"4.5", "4.6", "4.7", "4.8", "4.9", "4.11", "4.12", "4.13", "4.14", "4.17"}
    for result in results:
        for numbers in (result.position_m, result.orientation_deg):
            if result.table == "4.9":
                assert list(numbers) == ["median"]
                continue
            median, mean, largest, sd = map(float, numbers.values())
            assert max(median, mean, sd) <= largest
            assert abs(median - mean) <= sd  # true of any numbers: a slip of a digit would show


def fake_summary(position, orientation):
    return PoseErrors(np.array([position, position + 0.2]), np.array([orientation, orientation + 2.0])).summary()


def kitchen(**changes):
    combination = Combination("redkitchen", "efficientnet_lite0", *QEH_LSTM)
    values = {
        "experiment": "7scenes",
        "data_sets": ("redkitchen",),
        "backbones": ("efficientnet_lite0",),
        "summaries": {combination: [fake_summary(0.1, 3.0), fake_summary(0.3, 5.0)]},
        "baselines": {("redkitchen", "efficientnet_lite0"): {"feature retrieval": fake_summary(0.5, 9.0)}},
        "skipped": {"vgg16_hybrid1365": "weights file is missing"},
    }
    return Reproduction(**{**values, **changes})


def test_ours_stand_beside_the_thesis():
    table, *others = tables(kitchen())
    assert [other.number for other in others] == [*ALL_OF_METHODS, "4.17"], "the thesis' alone"
    assert table.number == "4.8 for a network of ours"
    text = markdown(table)
    row = next(line for line in text.splitlines() if "Spatial-LSTM,QEH" in line)
    # medians 0.2 and 0.4, 4 and 6; and those of table 4.8
    assert [cell.strip() for cell in row.split("|")][3:5] == ["0.300+-0.141 / 5.00+-1.41", "0.291 / 7.04"]
    # not trained: a dash; and the baselines have no thesis beside them
    row = next(line for line in text.splitlines() if "Regressor,NH" in line)
    assert [cell.strip() for cell in row.split("|")][3:5] == ["-", "0.422 / 8.55"]
    row = next(line for line in text.splitlines() if "feature retrieval" in line)
    assert [cell.strip() for cell in row.split("|")][3:5] == ["0.600 / 10.00", "-"]
    assert len({len(line) for line in text.splitlines()[2:]}) == 1, "aligned"


def test_a_network_of_the_thesis_has_its_own_table():
    combination = Combination("stairs", "googlenet_places365", "regressor", "qeh")
    found = kitchen(
        data_sets=("stairs",), backbones=("googlenet_places365",), summaries={combination: [fake_summary(1, 2)]}
    )
    table, *others = tables(found)
    assert "4.6" not in [other.number for other in others]
    assert table.number == "4.6" and table.title == "GoogLeNet pretrained on Places365"
    assert [row.combination.data_set for row in table.rows] == ["stairs"] * 4
    assert "+-" not in markdown(table), "one seed has no spread"


def test_the_temporal_models_have_a_table_by_network():
    gru = Combination("airframe-ind", "efficientnet_lite0", "temporal_gru", "qeh")
    lstm = Combination("airframe-ind", "efficientnet_lite0", *QEH_LSTM)
    found = kitchen(
        experiment="airframe",
        data_sets=("airframe-ind",),
        summaries={lstm: [fake_summary(1, 2)], gru: [fake_summary(0.2, 7)]},
        baselines={("airframe-ind", "efficientnet_lite0"): {"feature retrieval": fake_summary(0.5, 9.0)}},
    )
    methods, temporal = tables(found)[:2]
    assert {row.combination.head for row in methods.rows if row.thesis} == {"spatial_lstm", "regressor"}
    assert temporal.number == "4.17"
    # ours first, beside the thesis' best network, and the baselines below
    qeh, nh, retrieval = temporal.rows[:3]
    assert {row.of for row in (qeh, nh, retrieval)} == {"efficientnet_lite0, beside vgg16_hybrid1365"}
    assert qeh.ours and qeh.thesis_number("position_m", "median") == "0.247"
    assert not nh.ours and nh.thesis_number("orientation_deg", "median") == "53.55"
    assert retrieval.ours and retrieval.method == "feature retrieval" and not retrieval.thesis
    assert len(temporal.rows) == 3 + 6 and not any(row.ours for row in temporal.rows[3:])
    assert methods_for("airframe-ind")[-2:] == list(TEMPORAL_METHODS)
    assert methods_for("airframe-mixed") == list(METHODS)
    assert methods_for("chess", ["regressor"], ["geodesic"]) == [("regressor", "geodesic")]


def test_table_4_17_is_the_thesis_alone_without_its_data_set():
    table = next(table for table in tables(kitchen()) if table.number == "4.17")
    assert len(table.rows) == 6 and not any(row.ours for row in table.rows)


def test_losses_alone_keep_the_heads_of_the_thesis():
    losses = ["qeh", "nh"]
    heads = ("spatial_lstm", "regressor")
    assert methods_for("airframe-mixed", None, losses) == [(head, loss) for head in heads for loss in losses]
    assert methods_for("airframe-ind", None, losses)[-2:] == list(TEMPORAL_METHODS)


def test_a_table_that_is_left_out_or_has_no_numbers_of_ours_says_why():
    lstm = Combination("airframe-ind", "efficientnet_lite0", *QEH_LSTM)
    found = kitchen(experiment="airframe", data_sets=("airframe-ind",), summaries={lstm: [fake_summary(1, 2)]})
    page = report(found, [])
    assert "0.247 / 7.67" in page, "the thesis' own stand there nevertheless"
    assert "Table 4.17 has no numbers of ours: head temporal_gru was not trained" in page
    assert "Table 4.11 has no numbers of ours: googlenet_imagenet was not asked for" in page
    assert "Tables 4.5, 4.6, 4.7, 4.8 have no numbers of ours: no data of chess, fire" in page
    assert "vgg16_hybrid1365 is skipped: weights file is missing" in page and "Table 4.14 has" not in page
    mixed = report(kitchen(experiment="airframe", data_sets=("airframe-mixed",), summaries={}), [])
    assert "Table 4.17 has no numbers of ours: no data of airframe-ind" in mixed


def test_every_table_of_errors_is_printed_those_with_numbers_of_ours_first():
    page = report(kitchen(), [])
    ours, thesis_alone = page.split("# The thesis' other tables, without numbers of ours")
    assert "## Table 4.8 for a network of ours" in ours and "## Table 4.9:" in ours
    for number in (*ALL_OF_METHODS, "4.17"):
        assert f"## Table {number}:" in thesis_alone
    # of scenes the one that was trained on; of the airframes, of which none was, both
    assert "chess" not in thesis_alone and "0.184 / 4.22" in thesis_alone and "0.268 / 5.16" in thesis_alone


def test_table_4_9_is_among_the_others_where_no_scene_was_trained_on():
    flight = Combination("airframe-ind", "efficientnet_lite0", *QEH_LSTM)
    found = kitchen(experiment="airframe", data_sets=("airframe-ind",), summaries={flight: [fake_summary(1, 2)]})
    ours, thesis_alone = report(found, []).split("# The thesis' other tables, without numbers of ours")
    assert "## Table 4.14 for a network of ours" in ours
    assert "## Table 4.9:" in thesis_alone and "0.58 / 8.34" in thesis_alone


def test_data_of_both_experiments_stand_each_in_their_tables():
    flight = Combination("airframe-ind", "efficientnet_lite0", *QEH_LSTM)
    found = kitchen(
        data_sets=("redkitchen", "airframe-ind"), summaries={**kitchen().summaries, flight: [fake_summary(1, 2)]}
    )
    scenes, flights = tables(found)[:2]
    assert [scenes.number, flights.number] == ["4.8 for a network of ours", "4.14 for a network of ours"]
    assert {row.of for row in scenes.rows} == {"redkitchen"} and {row.of for row in flights.rows} == {"airframe-ind"}


def test_a_data_set_that_the_thesis_does_not_have_gets_dashes():
    combination = Combination("garage", "efficientnet_lite0", *QEH_LSTM)
    found = kitchen(data_sets=("garage",), summaries={combination: [fake_summary(1, 2)]}, baselines={})
    table = tables(found)[0]
    [row] = table.rows
    assert row.thesis is None and row.thesis_number("position_m", "median") == "-"


def test_the_summary_compares_with_what_the_thesis_quotes():
    lines = summary_markdown(kitchen()).splitlines()
    assert "PoseNet, beta [4]" in lines[2] and "ours, efficientnet_lite0" in lines[2]
    assert "0.58 / 8.34" in lines[4] and "0.291 / 7.04" in lines[4] and "0.300+-0.141 / 5.00+-1.41" in lines[4]


def test_the_page_says_what_is_missing_and_the_csv_holds_the_same():
    found = kitchen()
    page = report(found, ["Recipe: thesis.yaml"])
    assert "vgg16_hybrid1365 is skipped: weights file is missing" in page
    assert "means over 2 seeds" in page and "Recipe: thesis.yaml" in page
    rows = list(csv.DictReader(io.StringIO(csv_text(found))))
    row = next(row for row in rows if (row["head"], row["loss"]) == QEH_LSTM)
    assert float(row["median_position_m_ours"]) == pytest.approx(0.3)
    assert (row["median_position_m_thesis"], row["seeds"]) == ("0.291", "2")
    assert len(to_dict(found)["results"][0]["seeds"]) == 2


def test_spread_over_seeds():
    spread = over_seeds([fake_summary(p, 1.0) for p in (1.0, 2.0, 6.0)])["position_m"]["median"]
    assert spread.mean == pytest.approx(3.1) and spread.sd == pytest.approx(np.std([1, 2, 6], ddof=1))
