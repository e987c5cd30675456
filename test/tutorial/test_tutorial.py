# SPDX-License-Identifier: BSD-3-Clause
"""What the tutorial tells a user to type, typed in an empty folder; flights are shorter, images smaller."""

import json
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"


def typed_commands():
    """The shell blocks of the page, without the last step, which flies until it is stopped."""
    blocks = re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert "roslaunch" in blocks[-1]
    return "\n".join(blocks[:-1])


def test_from_own_bags_to_a_flying_model(tmp_path):
    commands = typed_commands()
    steps = "simulate sync-check extract info doctor split train export evaluate replay compare report calibrate map"
    for name in steps.split():
        assert f"reloc {name} " in commands
    # calibration takes 50 images
    seconds = {"flight1": 8, "flight3": 8, "flight4": 12, "flight2": 6}
    shorter = commands
    for flight, duration in seconds.items():
        shorter = re.sub(rf"--duration \d+ (.*{flight}\.bag)", rf"--duration {duration} --width 480 \1", shorter)
    assert shorter.count("--width 480") == len(seconds)
    (tmp_path / "short.yaml").write_text("augmentation: {views: 1}\noptimiser: {epochs: 3}\n")
    shorter = shorter.replace("reloc train ", "reloc train --config short.yaml ")
    done = subprocess.run(
        ["bash", "-euc", shorter], cwd=str(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert json.loads((tmp_path / "out" / "errors.json").read_text())["frames"] == 30
    # evaluate, three times, and replay
    assert len(re.findall(r"^feature retrieval  ", done.stdout, flags=re.MULTILINE)) == 4, done.stdout[-3000:]
    # how many images a busy machine drops is a matter of speed, which is measured elsewhere
    answered = re.search(r"answered (\d+) of 30 images", done.stdout)
    assert answered, done.stdout[-3000:]
    assert int(answered[1]) >= 5
