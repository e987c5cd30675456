# SPDX-License-Identifier: BSD-3-Clause
"""What layouts of one folder for each recording share: finding the folders, importing each, a place to export to."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.core.output_files import is_taken, new_folder, taken_text
from camera_relocalization_ros.data.dataset import Dataset, Frame
from camera_relocalization_ros.data.dataset_writer import DatasetWriter, SequenceWriter
from camera_relocalization_ros.data.layouts.natural_order import natural_key


def recording_folders(source: Path, marker: str, layout: str, what: str = "") -> list[Path]:
    """The folder itself where `marker` lies in it, else those in it where it does, in natural order.

    Raises DatasetError; layout, and what the marker is: for the message.
    """
    folders = [source] if (source / marker).exists() else [path.parent for path in source.glob(f"*/{marker}")]
    if not folders:
        raise DatasetError(f"{source}: no {what}{marker} in it, nor in its folders; expected the layout of {layout}")
    return sorted(folders, key=lambda folder: natural_key(folder.name))


def folder_sequence(image: str) -> str:
    """The sequence of an image by the folders in its name; "images" where it has none."""
    return "_".join(Path(image).parts[:-1]) or "images"


def import_recordings(
    writer: DatasetWriter, folders: list[Path], layout: str, import_one: Callable[[Path, SequenceWriter], None]
) -> None:
    """Make a sequence of each folder, named after it."""
    for folder in folders:
        name = folder.resolve().name  # SOURCE may be "."
        with writer.sequence(name, {"source": f"{layout} {name}"}) as sequence:
            import_one(folder, sequence)


@contextmanager
def new_export(output: Path) -> Iterator[Path]:
    """The folder to write, which becomes `output` when it is whole; raises DatasetError when `output` exists."""
    if is_taken(output):
        raise DatasetError(taken_text(output))
    with new_folder(output, DatasetError) as partial:
        yield partial


def named_frames(dataset: Dataset) -> Iterator[tuple[str, Frame]]:
    """Each frame with the name its image gets in an export of all sequences: FOLDER/FILE."""
    for sequence in dataset.sequences:
        for frame in sequence.frames:
            yield f"{sequence.name.replace('/', '_')}/{frame.image_path.name}", frame


def export_folders(dataset: Dataset, output: Path) -> list[Path]:
    """Where each sequence goes: `output` itself, or a folder below it for each when there are several."""
    several = len(dataset.sequences) > 1
    return [output / sequence.name if several else output for sequence in dataset.sequences]
