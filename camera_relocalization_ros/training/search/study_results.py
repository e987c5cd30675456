# SPDX-License-Identifier: BSD-3-Clause
"""What a hyper-parameter search found: the best trials, all trials as CSV, the best one as a recipe."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import optuna
import yaml
from optuna.trial import TrialState

from camera_relocalization_ros.core.output_files import new_file
from camera_relocalization_ros.training.config import TrainingConfig
from camera_relocalization_ros.training.search.search_space import SearchSpace, suggested_config

BEST, TRIALS = "best.yaml", "trials.csv"


def ended_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that count: finished, given up, or failed for a reason; not those that were interrupted."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state in (TrialState.COMPLETE, TrialState.PRUNED) or "problem" in trial.user_attrs
    ]


def interrupted_count(study: optuna.Study) -> int:
    """Trials that were killed, or ended by Ctrl-C; those that somebody works on now count too."""
    return len(study.get_trials(deepcopy=False)) - len(ended_trials(study))


def best_trials(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Trials that were trained to the end, best first."""
    return sorted(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)), key=_score)


def _score(trial: optuna.trial.FrozenTrial) -> float:
    assert trial.value is not None, "of a trial that was trained to the end"
    return trial.value


def best_table(study: optuna.Study, count: int = 5) -> str:
    """Plain text: the best trials with scores, errors and values."""
    best = best_trials(study)[:count]
    paths = list(best[0].params) if best else []
    header = ["trial", "score", "position [m]", "orientation [deg]", *paths]
    rows = [
        [
            str(trial.number),
            f"{trial.value:.4f}",
            f"{trial.user_attrs['position_m']:.3f}",
            f"{trial.user_attrs['orientation_deg']:.2f}",
            *(_short(trial.params[path]) for path in paths),
        ]
        for trial in best
    ]
    widths = [max(map(len, column)) for column in zip(header, *rows)]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths)) for row in [header, *rows])


def write_results(study: optuna.Study, recipe: TrainingConfig, space: SearchSpace, folder: Path) -> None:
    """Write trials.csv and, when a trial was trained to the end, best.yaml: a recipe for `reloc train --config`."""
    # two processes may finish trials at the same moment
    with new_file(folder / TRIALS, own=True) as path, open(path, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["trial", "state", "score", "position_m", "orientation_deg", "seconds", *space, "problem"])
        for trial in study.get_trials(deepcopy=False):
            measured = [trial.user_attrs.get(name, "") for name in ("position_m", "orientation_deg", "seconds")]
            score = "" if trial.value is None else round(trial.value, 6)
            values = [trial.params.get(parameter, "") for parameter in space]
            problem = trial.user_attrs.get("problem", "")
            was_interrupted = trial.state == TrialState.FAIL and not problem
            state = "interrupted" if was_interrupted else trial.state.name.lower()
            table.writerow([trial.number, state, score, *measured, *values, problem])
    best = best_trials(study)[:1]
    for trial in best:
        fixed = optuna.trial.FixedTrial(trial.params, trial.number)
        best_recipe = suggested_config(recipe, space, fixed).to_dict()
        comment = (
            f"# The best of {len(ended_trials(study))} trials of the study {study.study_name!r}, trial {trial.number}: "
            f"{trial.user_attrs['position_m']:.3f} m, {trial.user_attrs['orientation_deg']:.2f} deg on held-out data.\n"
        )
        if count := interrupted_count(study):
            comment += f"# {count} trials were interrupted or go on: undisturbed, another recipe might be the best.\n"
        with new_file(folder / BEST, own=True) as path:
            path.write_text(comment + yaml.safe_dump(best_recipe, sort_keys=False), encoding="utf-8")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
