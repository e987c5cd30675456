# SPDX-License-Identifier: BSD-3-Clause
"""The documentation holds together: links, commands, menu, and what was made from the code."""

import ast
import importlib.util
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import yaml
from browser import CHROMIUM, Browser

from camera_relocalization_ros.cli.main import parser

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "models" / "README.md", *sorted(DOCS.glob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
LONGEST_README = 120
ONE_LINE_OF_MENU_PX = 80  # two are twice 56


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(path):
    """Of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", path.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), f"{page.name}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{page.name}: {target}; {path.name} has {sorted(anchors(path))}"


def typed(page):
    """The reloc commands in a page's blocks for the shell, one line each."""
    for _, language, block in FENCED.findall(page.read_text(encoding="utf-8")):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines() if language == "sh" else ():
            # with brackets and dots it is a synopsis
            if line.strip().startswith("reloc ") and not re.search(r"\[--|\.\.\.", line):
                yield line.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_of_a_page_parse(page):
    commands = parser()
    for line in typed(page):
        words = shlex.split(line, comments=True)[1:]
        # what the shell does with the rest is its own matter
        end = next((at for at, word in enumerate(words) if word in (">", "|", "&&", ";")), len(words))
        if "--help" not in words:
            assert commands.parse_args(words[:end]), line


def test_readme_fits_two_screens_and_names_the_steps():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_README
    steps = ["extract", "train", "export", "map", "calibrate", "evaluate", "replay", "benchmark"]
    places = [text.index(f"reloc {step} ") for step in steps]
    assert places == sorted(places)


def test_the_menu_names_each_page_once():
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    named = [entry for part in menu for entry in ([part] if isinstance(part, str) else next(iter(part.values())))]
    files = [entry if isinstance(entry, str) else next(iter(entry.values())) for entry in named]
    outside = loaded("site_hooks").OUTSIDE
    assert sorted(files) == sorted([*(page.name for page in DOCS.glob("*.md")), *outside])
    assert all((ROOT / source).is_file() for source in outside.values())


def test_the_reference_is_what_the_code_says(monkeypatch):
    reference = loaded("generate_reference")
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), "run: python docs/generate_reference.py"
    for topic in ("`image`", "`camera_info`", "`/diagnostics`", "named by `odometry_topic`", "`gps_position`"):
        assert f"\n| {topic} |" in reference.page(), topic


def test_the_notebook_is_the_tutorial():
    made = loaded("generate_notebook")
    assert made.NOTEBOOK.read_text(encoding="utf-8") == made.notebook(), "run: python docs/generate_notebook.py"
    cells = json.loads(made.notebook())["cells"]
    typed_there = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    typed_there = re.sub(r"\\\n\s*", " ", typed_there)
    assert all(command in typed_there for command in typed(made.PAGE))


def test_each_promise_names_tests_that_there_are():
    rows = [row for row in (DOCS / "reliability.md").read_text(encoding="utf-8").splitlines() if row.startswith("| ")]
    there = {path.name for path in (ROOT / "test").rglob("*.*")}
    for row in rows[2:]:
        names = re.findall(r"`(\w+\.(?:py|test))`", row)
        assert (names or "make torture" in row) and set(names) <= there, row


def test_python_in_detail_names_what_there_is():
    names = re.findall(r"^::: (\S+)$", (DOCS / "api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert names
    for name in names:
        module, _, member = name.rpartition(".")
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert member in {getattr(node, "name", "") for node in tree.body}, name


def test_links_of_the_site_lead_to_pages_or_name_files():
    hooks = loaded("site_hooks")

    def on_site(text, page="docs/node.md"):
        return hooks.LINK.sub(lambda match: hooks.site_link(match, ROOT / page), text)

    assert on_site("[a](tutorial.md#x)") == "[a](tutorial.md#x)"
    assert on_site("![a](docs/images/demo.png) [b](docs/node.md)", "README.md") == "![a](images/demo.png) [b](node.md)"
    assert on_site("[m](../models/README.md)") == "[m](models.md)"
    assert on_site("[config/gps.yaml](../config/gps.yaml)") == "`config/gps.yaml`"
    assert on_site("[its file](../config/gps.yaml)") == "its file (`config/gps.yaml`)"
    assert on_site("[gps.yaml](../config/gps.yaml)") == "`config/gps.yaml`"
    assert on_site("[w](https://example.org/a)") == "[w](https://example.org/a)"
    assert hooks.from_rst("Forthcoming\n-----------\n* ``a`` b\n") == "## Forthcoming\n\n* `a` b\n"


def test_lines_of_the_site_end_neither_before_a_unit_nor_within_an_option():
    def on_site(html):
        return loaded("site_hooks").on_page_content(html, None, None, None)

    assert on_site("<p>85.7 % in 3 s, 2 marks</p>") == "<p>85.7\u00a0% in 3\u00a0s, 2 marks</p>"
    assert on_site('<img alt="5 m"><code>a --max-gap 2 s</code>') == (
        '<img alt="5 m"><code>a <span>--max-gap</span> 2 s</code>'
    )
    assert on_site("<pre><code>a --max-gap 2 s</code></pre>") == "<pre><code>a --max-gap 2 s</code></pre>"


@pytest.fixture
def site():
    """The folder of the site, made as a user makes it; a warning of MkDocs, such as a broken link, is an error."""
    needed = subprocess.run(["make", ".setup/docs/.installed"], cwd=ROOT, capture_output=True, text=True)
    if needed.returncode:
        pytest.skip(f"MkDocs cannot be installed here: {needed.stderr.strip().splitlines()[-1]}")
    built = subprocess.run(["make", "docs"], cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stdout + built.stderr
    return ROOT / "site"


# answers every command of the protocol; its second process writes into the profile until it is killed
FAKE_CHROMIUM = """#!{python}
import contextlib, json, os, signal, sys, time
folder = sys.argv[[word.startswith("--user-data-dir=") for word in sys.argv].index(True)].partition("=")[2]
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for _ in range(5000):
        with contextlib.suppress(OSError):
            os.makedirs(folder + "/Default", exist_ok=True)
            open(folder + "/Default/" + str(time.time()), "w").close()
        time.sleep(0.002)
while True:
    for line in os.read(3, 1 << 16).split(b"\\0")[:-1]:
        answer = {{"id": json.loads(line)["id"], "result": {{"targetId": "1", "sessionId": "1"}}}}
        os.write(4, json.dumps(answer).encode() + b"\\0")
"""


def test_nothing_of_a_browser_writes_into_its_profile_when_it_has_ended(tmp_path, monkeypatch):
    program, profile = tmp_path / "chromium", tmp_path / "profile"
    program.write_text(FAKE_CHROMIUM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("browser.CHROMIUM", str(program))
    with Browser(profile):
        while not list(profile.glob("*/*")):
            time.sleep(0.01)
    shutil.rmtree(profile)
    time.sleep(0.3)
    assert not profile.exists()


# one test, for tests run side by side and there is one folder of the site
def test_the_site_has_every_page_and_none_is_wider_than_a_telephone(site):
    menu = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    for name in re.findall(r"[\w/]+(?=\.md)", str(menu)):
        assert "<h1" in (site / f"{name}.html").read_text(encoding="utf-8"), name
    # a fence that is not taken for one, as in a list, is shown as text with its language
    shown = re.compile(r"```|<code>(sh|python|yaml|xml)\n")
    assert not [page.name for page in site.glob("*.html") if shown.search(page.read_text(encoding="utf-8"))]
    if CHROMIUM is None:
        pytest.skip("no Chromium to measure the pages of the site, which was built")
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        browser.call("Emulation.setDeviceMetricsOverride", width=420, height=800, deviceScaleFactor=1, mobile=False)
        for name in ("backbones", "contributing", "node", "refinement"):  # of the widest tables
            browser.open(site / f"{name}.html")
            assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=800, deviceScaleFactor=1, mobile=False)
        assert browser.evaluate("document.querySelector('.navbar').offsetHeight") < ONE_LINE_OF_MENU_PX
