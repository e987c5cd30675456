# SPDX-License-Identifier: BSD-3-Clause
"""Layouts under scrutiny: pixels of known points, lenses, exact poses, and files that are not what they say."""

import json

import numpy as np
import pytest
from helpers import START_NS, write_fake_dataset
from layout_folders import PNG, write_transforms

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.errors import DatasetError
from camera_relocalization_ros.data.dataset import Dataset
from camera_relocalization_ros.data.dataset_writer import DatasetWriter
from camera_relocalization_ros.data.layouts.cambridge import import_cambridge
from camera_relocalization_ros.data.layouts.colmap import import_colmap
from camera_relocalization_ros.data.layouts.extract_and_sync import export_extract_and_sync, import_extract_and_sync
from camera_relocalization_ros.data.layouts.natural_order import natural_key
from camera_relocalization_ros.data.layouts.seven_scenes import export_seven_scenes
from camera_relocalization_ros.data.layouts.transforms_json import import_transforms_json
from camera_relocalization_ros.data.layouts.tum import export_tum, import_tum
from camera_relocalization_ros.data.splits import load_split, save_split

IDENTITY = np.eye(4).tolist()


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("SIMPLE_PINHOLE", (60, 32, 24)),
        ("PINHOLE", (60, 61, 32, 24)),
        ("SIMPLE_RADIAL", (60, 32, 24, -0.1)),
        ("RADIAL", (60, 32, 24, -0.1, 0.02)),
        ("OPENCV", (60, 61, 32, 24, -0.1, 0.02, 0.003, -0.004)),
        ("FULL_OPENCV", (60, 61, 32, 24, -0.1, 0.02, 0.003, -0.004, 0.01, 0.02, -0.01, 0.005)),
    ],
)
def test_each_lens_projects_as_colmap_says(tmp_path, model, parameters):
    pycolmap = pytest.importorskip("pycolmap")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(PNG)
    (tmp_path / "cameras.txt").write_text(f"1 {model} 64 48 {' '.join(map(str, parameters))}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 1 a.png\n\n")
    ours = import_colmap(tmp_path, tmp_path / "set").camera
    theirs = pycolmap.Camera(model=model, width=64, height=48, params=parameters, camera_id=1)
    point = np.array([[0.3, -0.2, 1.0]])
    np.testing.assert_allclose(ours.project(point) + 0.5, np.reshape(theirs.img_from_cam(point), (1, 2)), atol=1e-9)


def test_images_of_other_formats_are_counted(tmp_path):
    frames = [{"file_path": name, "transform_matrix": IDENTITY} for name in ("a.png", "b.png")]
    source = write_transforms(tmp_path / "t", frames)
    (source / "b.png").write_bytes(b"BM bitmap")
    dataset = import_transforms_json(source, tmp_path / "set")
    assert dataset.sequences[0].info["skipped"] == {"neither JPEG nor PNG": 1}


def test_colmap_image_of_an_unknown_camera(tmp_path):
    (tmp_path / "cameras.txt").write_text("3 PINHOLE 64 48 60 60 32 24\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 0 9 a.png\n\n")
    with pytest.raises(DatasetError, match=r"its images name camera 9; the model has \[3\]"):
        import_colmap(tmp_path, tmp_path / "set")


POINTS = "12.5 30.25 -1 80 60 17\n"


@pytest.mark.parametrize("seconds", [("", "", ""), ("\n", "", "\n"), (POINTS, "", POINTS), ("\n", POINTS, "")])
def test_colmap_images_with_and_without_lines_of_points_are_all_read(tmp_path, seconds):
    (tmp_path / "images").mkdir()
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    lines = ["# image list\n"]
    for number, second in enumerate(seconds):
        (tmp_path / "images" / f"a {number}.png").write_bytes(PNG)
        lines.append(f"{number + 1} 1 0 0 0 {-number} 0 0 1 a {number}.png\n{second}")
    (tmp_path / "images.txt").write_text("".join(lines))
    dataset = import_colmap(tmp_path, tmp_path / "set")
    assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2]


@pytest.mark.parametrize(
    "line", ["2 1 0 0 0 0 0 0 1", "12.5 30.25 -1", "2 1 0 0 0 zero 0 0 1 b.png", "2 1 0 0 0 0 0 0 x b.png"]
)
def test_colmap_lines_that_are_no_image_are_refused_with_file_and_line(tmp_path, line):
    (tmp_path / "images").mkdir()
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    (tmp_path / "images.txt").write_text(f"# list\n1 1 0 0 0 0 0 0 1 a.png\n\n{line}\n")
    with pytest.raises(DatasetError, match=r"images.txt:4: expected an image \(number"):
        import_colmap(tmp_path, tmp_path / "set")


@pytest.mark.parametrize(
    "pose", ["0 0 0 1.#QNAN 0 0 0", "0 0 -1.#IND 1 0 0 0", "-nan(ind) 0 0 1 0 0 0", "0 0 0 0 0 0 0"]
)
def test_poses_that_are_none_are_counted_by_each_layout_of_text(tmp_path, pose):
    x, y, z, qw, qx, qy, qz = pose.split()
    for folder in ("colmap/images", "cambridge", "source/images", "source/labels"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for image in ("colmap/images/a.png", "colmap/images/b.png", "cambridge/a.png", "cambridge/b.png"):
        (tmp_path / image).write_bytes(PNG)
    (tmp_path / "colmap/cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    lines = f"1 1 0 0 0 0 0 0 1 a.png\n\n2 {qw} {qx} {qy} {qz} {x} {y} {z} 1 b.png\n\n"
    (tmp_path / "colmap/images.txt").write_text(lines)
    (tmp_path / "cambridge/dataset_train.txt").write_text(f"Visual\nImageFile\n\na.png 0 0 0 1 0 0 0\nb.png {pose}\n")
    for number, label in enumerate(("0,0,0,0,0,0,1", ",".join((x, y, z, qx, qy, qz, qw)))):
        (tmp_path / f"source/images/image_{number:05d}.png").write_bytes(PNG)
        (tmp_path / f"source/labels/pos_{number:05d}.txt").write_text(f"{number + 1}.0,{label}\n")
    readers = {"colmap": import_colmap, "cambridge": import_cambridge, "source": import_extract_and_sync}
    for layout, read in readers.items():
        (sequence,) = read(tmp_path / layout, tmp_path / f"{layout}.set").sequences
        assert ([frame.number for frame in sequence.frames], sequence.info["skipped"]) == ([0], {"invalid pose": 1})


def write_lists_of_three(tmp_path, pictures):
    """Each layout that names its pictures, with a.png, b.png and c.png listed; only `pictures` are there."""
    names = ("a.png", "b.png", "c.png")
    for layout in ("colmap", "cambridge", "transforms", "tum"):
        (tmp_path / layout / "images").mkdir(parents=True)
        for name in pictures:
            (tmp_path / layout / "images" / name).write_bytes(PNG)
    (tmp_path / "colmap/cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    rows = [f"{n} 1 0 0 0 {-n} 0 0 1 {name}\n\n" for n, name in enumerate(names)]
    (tmp_path / "colmap/images.txt").write_text("".join(rows))
    rows = [f"images/{name} {n} 0 0 1 0 0 0\n" for n, name in enumerate(names)]
    (tmp_path / "cambridge/dataset_train.txt").write_text("".join(rows[::2]))
    (tmp_path / "cambridge/dataset_test.txt").write_text(rows[1])
    moved = [np.eye(4) + np.outer([1, 0, 0, 0], [0, 0, 0, n]) for n in range(3)]
    frames = [{"file_path": f"images/{name}", "transform_matrix": T.tolist()} for name, T in zip(names, moved)]
    (tmp_path / "transforms/transforms.json").write_text(json.dumps({"frames": frames}))
    (tmp_path / "tum/rgb.txt").write_text("".join(f"{n} images/{name}\n" for n, name in enumerate(names)))
    (tmp_path / "tum/groundtruth.txt").write_text("".join(f"{n} {n} 0 0 0 0 0 1\n" for n in range(3)))
    readers = (import_colmap, import_cambridge, import_transforms_json, import_tum)
    return [(read, tmp_path / layout) for read, layout in zip(readers, ("colmap", "cambridge", "transforms", "tum"))]


def test_pictures_that_are_listed_and_not_there_are_counted_by_each_layout(tmp_path):
    for read, source in write_lists_of_three(tmp_path, ("a.png", "c.png")):
        (sequence,) = read(source, tmp_path / f"{source.name}.set").sequences
        assert [(frame.number, frame.position[0]) for frame in sequence.frames] == [(0, 0), (2, 2)]
        assert sequence.info["skipped"] == {"no such picture": 1}
    # a part of which no picture is there is no part
    assert load_split(tmp_path / "cambridge.set", "official") == {"train": {"images": [[0, 0], [2, 2]]}}


def test_lists_of_which_no_picture_is_there_are_refused_by_name(tmp_path):
    for read, source in write_lists_of_three(tmp_path, ()):
        with pytest.raises(DatasetError, match=r"images/a.png: No such file or directory; expected an image"):
            read(source, tmp_path / "set")
        assert not (tmp_path / "set").exists()


UNPADDED = ["seq2/frame1.png", "seq2/frame2.png", "seq2/frame10.png", "seq10/frame1.png", "seq10/frame9.png"]


def write_unpadded_list(folder, lines, name, header=""):
    """Images in folders, and a list of them that is sorted as text; lines: what makes one of a number and a name."""
    for image in UNPADDED:
        (folder / "images" / image).parent.mkdir(parents=True, exist_ok=True)
        (folder / "images" / image).write_bytes(PNG)
    rows = sorted(enumerate(UNPADDED), key=lambda row: row[1])
    (folder / name).write_text(header + "".join(lines(number, image) for number, image in rows))
    return folder


def test_names_without_leading_zeros_are_in_the_order_of_their_numbers_in_each_layout(tmp_path):
    colmap = write_unpadded_list(tmp_path / "c", lambda n, name: f"{n} 1 0 0 0 {-n} 0 0 1 {name}\n\n", "images.txt")
    (colmap / "cameras.txt").write_text("1 PINHOLE 64 48 60 60 32 24\n")
    row = "images/{1} {0} 0 0 1 0 0 0\n"
    cambridge = write_unpadded_list(tmp_path / "l", row.format, "dataset_train.txt", "Visual\nImageFile\n\n")
    moved = [np.eye(4) + np.outer([1, 0, 0, 0], [0, 0, 0, n]) for n in range(5)]
    frames = [{"file_path": name, "transform_matrix": T.tolist()} for name, T in zip(UNPADDED, moved)]
    (tmp_path / "u").mkdir()
    for frame in frames:
        (tmp_path / "u" / frame["file_path"]).parent.mkdir(exist_ok=True)
        (tmp_path / "u" / frame["file_path"]).write_bytes(PNG)
    (tmp_path / "u" / "transforms.json").write_text(json.dumps({"frames": frames[::-1]}))
    sets = [
        import_colmap(colmap, tmp_path / "c.set"),
        import_cambridge(cambridge, tmp_path / "l.set"),
        import_transforms_json(tmp_path / "u", tmp_path / "u.set"),
    ]
    for dataset in sets:
        assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2, 3, 4]
        assert np.all(np.diff([frame.stamp_ns for frame in dataset.frames]) > 0)
    assert [sequence.name for sequence in sets[1].sequences] == ["images_seq2", "images_seq10"]
    assert Dataset.load(f"{tmp_path}/l.set@official.train").frame_count == 5


@pytest.mark.parametrize(
    ("export", "bring_back"), [(export_tum, import_tum), (export_extract_and_sync, import_extract_and_sync)]
)
def test_recordings_are_in_the_order_of_their_numbers(tmp_path, export, bring_back):
    export(write_fake_dataset(tmp_path / "set", counts=(2, 2, 2)), tmp_path / "all")
    for number, name in enumerate(("flight10", "flight2", "flight1")):
        (tmp_path / "all" / f"flight{number}").rename(tmp_path / "all" / f"x{name}")
    names = [sequence.name for sequence in bring_back(tmp_path / "all", tmp_path / "again").sequences]
    assert names == ["xflight1", "xflight2", "xflight10"]


def test_natural_key():
    names = ["a", "a0", "a00", "a1", "a01b", "a10", "a/r_9.png", "a/r_10.png", "b/r_1.png", "r_1_2", "r_1_10", "r_02_1"]
    assert sorted(sorted(names), key=natural_key) == names
    long = "9" * 5000
    assert sorted([long + "0", long], key=natural_key) == [long, long + "0"]


def test_cambridge_list_without_header_is_read_from_its_first_line(tmp_path):
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(PNG)
    rows = [f"{name}.png {number} 0 0 1 0 0 0\n" for number, name in enumerate("abcd")]
    for lines in (0, 1, 2, 3):
        header = "".join(["Visual Landmark Dataset V1\n", "ImageFile, Camera Position [X Y Z W P Q R]\n", "\n"][:lines])
        (tmp_path / "dataset_train.txt").write_text(header + "".join(rows))
        dataset = import_cambridge(tmp_path, tmp_path / f"set{lines}")
        assert [frame.position[0] for frame in dataset.frames] == [0, 1, 2, 3]


@pytest.mark.parametrize("line", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "row",
    [
        "a.png 1.0 2.0 three 1 0 0 0",
        "a.png one 0 0 1 0 0 0",
        "a.png 0 0 0 1 0 0",
        "a.png",
        "my picture.png 0 0 0 1 0 0 0",
        "a 0 0 0 1 0 0 0 0",
        "0 0 0 1 0 0 0",
        "a.png,0,0,0,1,0,0,0",
    ],
)
def test_cambridge_malformed_rows_are_refused_wherever_they_stand(tmp_path, row, line):
    (tmp_path / "b.png").write_bytes(PNG)
    rows = ["b.png 0 0 0 1 0 0 0"] * (line - 1) + [row]
    (tmp_path / "dataset_train.txt").write_text("\n".join(rows) + "\n")
    with pytest.raises(DatasetError, match=rf"dataset_train.txt:{line}: expected a file name and 7 numbers"):
        import_cambridge(tmp_path, tmp_path / "set")


def test_cambridge_lists_that_overlap_or_are_no_text(tmp_path):
    (tmp_path / "a.png").write_bytes(PNG)
    for name in ("dataset_train.txt", "dataset_test.txt"):
        (tmp_path / name).write_text("Visual\nImageFile\n\na.png 0 0 0 1 0 0 0\n")
    with pytest.raises(DatasetError, match=r"dataset_test.txt: 'a.png' is listed twice"):
        import_cambridge(tmp_path, tmp_path / "set")
    (tmp_path / "dataset_test.txt").write_bytes(b"\xff\n")
    with pytest.raises(DatasetError, match=r"dataset_test.txt: not a readable text file"):
        import_cambridge(tmp_path, tmp_path / "set")


@pytest.mark.parametrize("layout", ["tum", "source"])
def test_the_folder_one_stands_in_is_a_source(tmp_path, monkeypatch, layout):
    write_fake_dataset(tmp_path / "set")
    assert main(["export-dataset", str(tmp_path / "set"), layout, "-o", str(tmp_path / "flight")]) == 0
    monkeypatch.chdir(tmp_path / "flight")
    assert main(["import", layout, ".", "-o", str(tmp_path / "again")]) == 0
    assert [sequence.name for sequence in Dataset.load(tmp_path / "again").sequences] == ["flight"]


def test_source_labels_with_blanks_about_the_commas(tmp_path):
    export_extract_and_sync(write_fake_dataset(tmp_path / "set", counts=(1,)), tmp_path / "s")
    (tmp_path / "s" / "labels" / "pos_00000.txt").write_text(f"{START_NS} , 1, 2, 3, 0, 0, 0, 1\n")
    assert import_extract_and_sync(tmp_path / "s", tmp_path / "again").frames[0].stamp_ns == START_NS


def test_seven_scenes_keep_their_names_and_parts_lead_nowhere(tmp_path):
    with DatasetWriter(tmp_path / "set", "scene", "camera") as writer:
        for name in ("seq-03", "seq-05"):
            with writer.sequence(name) as sequence:
                sequence.add(1, np.zeros(3), np.array([0.0, 0, 0, 1]), PNG, ".png")
    save_split(tmp_path / "set", "official", {"test": {"seq-05": [[0, 0]]}, "../../x": {"seq-03": [[0, 0]]}}, "test")
    folders = export_seven_scenes(Dataset.load(tmp_path / "set"), tmp_path / "a" / "out")
    assert [folder.name for folder in folders] == ["seq-03", "seq-05"]
    assert (tmp_path / "a" / "out" / "TestSplit.txt").read_text() == "sequence5\n"
    assert len(list(tmp_path.rglob("*Split.txt"))) == 1


def test_the_option_that_does_not_fit_is_named_as_it_was_typed(tmp_path, capsys):
    assert main(["import", "7scenes", str(tmp_path), "-o", str(tmp_path / "set"), "--max-gap", "1"]) == 1
    assert capsys.readouterr().err.rstrip().endswith("layout 7scenes takes no option --max-gap")
