# SPDX-License-Identifier: BSD-3-Clause
"""The errors a user can cause; each message names the file, topic or key, what was found and what was expected.

In one line, and without what steers terminals.
"""

from __future__ import annotations

from typing import Iterable


class RelocalizationError(Exception):
    """Root of all errors that a command prints as one line and answers with exit code 1."""


class BagError(RelocalizationError):
    """A bag is missing, damaged, or lacks a topic or frame."""


class BundleError(RelocalizationError):
    """A model bundle is missing, damaged, or does not fit the task."""


class ConfigError(RelocalizationError):
    """A configuration holds an unknown key or a value of the wrong type."""


class DatasetError(RelocalizationError):
    """A data set is missing, empty, or breaks the format."""


class FrameError(RelocalizationError):
    """One image cannot be answered; the next one may. Counted by `kind`."""

    kind = "other"


class StampError(FrameError):
    """An image that does not say when it was taken."""

    kind = "stamp"


class EncodingError(FrameError):
    """An image that does not decode."""

    kind = "encoding"


class ShapeError(FrameError):
    """An image of another aspect ratio than the model's, or no picture at all."""

    kind = "shape"


class PictureSizeError(ShapeError):
    """An image that is not of the size that its intrinsics are for."""


class AnswerError(FrameError):
    """The network answered with numbers that are no pose."""

    kind = "answer"


class ReplayError(RelocalizationError):
    """A live replay could not be carried through."""


class SimulationError(RelocalizationError):
    """A flight cannot be simulated as asked."""


class SyncError(RelocalizationError):
    """Stamps cannot be matched: unsorted, empty, or out of range."""


class ResultError(RelocalizationError):
    """The result of an evaluation is missing, damaged, or does not fit another one."""


def unreadable(error: Exception, kind: str) -> str:
    """What to say of a file of some kind that was not read: the computer's reason, or why its text is none."""
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or f"not a readable {kind} file ({error})"


def printable(text: str) -> str:
    """The text with what steers terminals written out: names in files that others send may hold it."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def one_line(text: object) -> str:
    """The same in one line."""
    return " ".join(printable(str(text)).split())


def unknown_name(what: str, name: object, known: Iterable[str]) -> str:
    """What is said of a name that is not among the known ones: all of them, and first the one that was meant."""
    return f"no {what} {name!r}{did_you_mean(name, known)}; known: {', '.join(known)}"


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The known name that is spelled almost the same, as a question; "" where there is none."""
    import difflib  # what flies loads this module, and nothing in flight asks

    # a name out of a file may be no text, or endless
    nearest = difflib.get_close_matches(str(name)[:80], list(known), n=1)
    return f" (did you mean {nearest[0]!r}?)" if nearest else ""
