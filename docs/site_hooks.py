# SPDX-License-Identifier: BSD-3-Clause
"""What MkDocs needs beside the pages: those that lie outside docs/, and links to files that are no pages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# of the site: where it lies in the repository
OUTSIDE = {
    "index.md": "README.md",
    "models.md": "models/README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changes.md": "CHANGELOG.rst",
}
# of a page: what is not its text, and code in a sentence
NOT_TEXT = re.compile(r"(<pre.*?</pre>|<code>[^<]*</code>|<[^>]*>)", re.DOTALL)
UNIT = re.compile(r"(?<=\d) (?=(%|[cm]?m|m?s|deg|Hz|°|[MG]B)(?![\w]))")
LONGEST_UNBROKEN = 24
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)\s]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that lie outside docs/."""
    from mkdocs.structure.files import File

    for name, source in OUTSIDE.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=from_rst(text) if source.endswith(".rst") else text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Links of a page as the site has them."""
    source = OUTSIDE.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return LINK.sub(lambda match: site_link(match, ROOT / source), markdown)


def site_link(match: re.Match[str], page: Path) -> str:
    """A link of a page of the repository: to a page of the site, or where it leads to a file, the file's path."""
    picture, text, target, anchor = match[1], match[2], match[3], match[4] or ""
    if not target or re.match(r"[a-z]+:", target):
        return match[0]
    path = (page.parent / target).resolve()
    pages = {(ROOT / source).resolve(): name for name, source in OUTSIDE.items()}
    if path in pages:
        return f"[{text}]({pages[path]}{anchor})"
    docs = ROOT / "docs"
    if docs in path.parents:
        return f"{picture}[{text}]({path.relative_to(docs).as_posix()}{anchor})"
    shown = path.relative_to(ROOT).as_posix()
    # a file is named by its path where the text is a part of it
    return f"`{shown}`" if text.strip("`") in shown else f"{text} (`{shown}`)"


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """The page with lines that end where a reader would end them."""
    return "".join(_unbroken(part) for part in NOT_TEXT.split(html))


def _unbroken(part: str) -> str:
    """A number stays beside its unit, and an option in one piece: browsers break lines after each hyphen."""
    if not part.startswith("<"):
        return UNIT.sub("\u00a0", part)
    if not part.startswith("<code>"):
        return part
    words = re.split(r"(\s+)", part[len("<code>") : -len("</code>")])
    kept = (f"<span>{word}</span>" if "-" in word and len(word) <= LONGEST_UNBROKEN else word for word in words)
    return f"<code>{''.join(kept)}</code>"


def from_rst(text: str) -> str:
    """The changelog, which catkin wants in reStructuredText, in Markdown."""
    text = re.sub(r"^[\^]+\n(.*)\n[\^]+$", r"# \1", text, flags=re.MULTILINE)
    text = re.sub(r"^(.*)\n-+$", r"## \1\n", text, flags=re.MULTILINE)
    return text.replace("``", "`")
