# SPDX-License-Identifier: BSD-3-Clause
"""Writes docs/tutorial.ipynb, the tutorial as a Jupyter notebook, from docs/tutorial.md.

python docs/generate_notebook.py     needs no Jupyter; a test says when it was forgotten
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
PAGE, NOTEBOOK = DOCS / "tutorial.md", DOCS / "tutorial.ipynb"
BLOCK = re.compile(r"```sh\n(.*?)```\n", re.DOTALL)
START = """*Made from [tutorial.md](tutorial.md).* Start Jupyter in a shell that has sourced
`env.sh`, so that `reloc` is found, in the folder of the package:

    . env.sh && jupyter notebook docs/tutorial.ipynb
"""


def notebook() -> str:
    """The whole file: text as Markdown, commands as cells of bash; the last one flies until stopped and stays text."""
    parts = BLOCK.split(PAGE.read_text(encoding="utf-8"))
    title, _, first = parts[0].partition("\n")
    cells = [_cell("markdown", f"{title}\n\n{START}"), _cell("code", "%cd .."), _cell("markdown", first)]
    for number, part in enumerate(parts[1:], 1):
        flies = part.startswith("roslaunch")
        text = f"```sh\n{part}```" if flies else f"%%bash -e\n{part}" if number % 2 else part
        if text.strip():
            cells.append(_cell("code" if number % 2 and not flies else "markdown", text))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def _cell(kind: str, text: str) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "metadata": {}, "source": text.strip().splitlines(keepends=True)}
    return {**cell, "execution_count": None, "outputs": []} if kind == "code" else cell


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(), encoding="utf-8")
