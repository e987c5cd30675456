# SPDX-License-Identifier: BSD-3-Clause
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from browser import CHROMIUM, Browser
from helpers import fake_image_rgb
from made_result import made_result
from mesh_files import write_box_ply
from pickling_engine import PicklingEngine

from camera_relocalization_ros.cli.main import main
from camera_relocalization_ros.core.pose_errors import PoseErrors
from camera_relocalization_ros.core.state import State
from camera_relocalization_ros.evaluation.result_files import load_result, write_result, write_result_files
from camera_relocalization_ros.report.pages.result_page import PageInput, result_page
from camera_relocalization_ros.report.pages.thumbnails import thumbnail_sheets, worst_rows

DATA = re.compile(r'<script id="flight-data" type="application/json">(.*?)</script>', re.S)
EMBEDDED = re.compile(r'"data:image/(?:png|jpeg);base64,[A-Za-z0-9+/=]+"')
BOX = ["--box", "-0.5", "-0.5", "-0.2", "0.5", "0.5", "0.2"]
WORST_BY_DESIGN = 17


def write_with_images(folder: Path, count: int = 60, seed: int = 0, **info):
    """A result in `folder` with a plain image per frame whose colour tells the frame's number; row 17 is the worst."""
    result = made_result(count, seed, image_folder="images", **info)
    result.images[:] = [f"{row:04d}.png" for row in range(count)]
    result.estimate[WORST_BY_DESIGN, 0] += 3.0
    result.states[10], result.states[40:44] = State.LOST, State.DEGRADED
    result.estimate[20] = np.nan
    write_result(folder, result)
    (folder / "images").mkdir()
    for row in range(count):
        # grey of 4 x the frame's number
        cv2.imwrite(str(folder / "images" / result.images[row]), np.full((48, 64, 3), 4 * row, dtype=np.uint8))
    return load_result(folder)


def flight_of(page: str) -> dict:
    return json.loads(DATA.search(page)[1])


def test_page_stands_alone_and_escapes_what_others_wrote(tmp_path):
    evil = "<script>alert('$x')</script>"
    result = write_with_images(tmp_path, name=evil, data=evil)
    result.reasons[0] = evil
    page = result_page([PageInput.of(tmp_path, result)], ("thesis",))
    bare, embedded = EMBEDDED.subn('"embedded"', page)
    assert embedded >= 5 + 3  # the figures, a sheet, worst frames
    assert "http" not in bare and "url(" not in bare
    assert set(re.findall(r'(?:src|href)="([^"]*)"', bare)) == {"embedded", "data:,"}
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page
    assert flight_of(page)["results"][0]["reason"][0] == evil


def test_page_tells_whether_ok_kept_its_promise_and_what_a_model_lacks(tmp_path):
    result = write_with_images(tmp_path, never_ok="not calibrated, so none of its poses is OK")
    result.baselines["feature retrieval"] = PoseErrors(np.full(60, 0.01), np.full(60, 0.1))
    page = result_page([PageInput.of(tmp_path, result)])
    # what to conclude comes before all numbers
    top = page.partition("<h2>")[0]
    assert '<li class="bad">it loses against looking up the most similar training image in position and orient' in top
    assert "The model is not calibrated, so none of its poses is OK." in page
    assert "errors below 0.1 m and 3 deg, which is what OK promises." in page
    ok = result.states == State.OK
    ok[20] = False
    errors = result.errors()
    kept = int((ok & (errors.position_m <= 0.1) & (errors.orientation_deg <= 3.0)).sum())
    row = f"<td>OK</td><td>regression</td><td>99.9 %</td><td>{100 * kept / ok.sum():.1f} %</td><td>{kept} of {ok.sum()}"
    assert row in page


def test_flight_tells_the_result(tmp_path):
    result = write_with_images(tmp_path)
    edges = [[[0.0, 0.0, 0.0], [1.0, 0.0, 0.5]]]
    reported = flight_of(result_page([PageInput.of(tmp_path, result)], edges=np.array(edges)))
    assert reported["edges"] == edges
    flight = reported["results"][0]
    assert flight["worst"] == WORST_BY_DESIGN == worst_rows(result.errors())[0]
    assert flight["estimate"][20] is None and flight["position"][20] is None
    assert flight["truth"][5] == pytest.approx(result.truth[5, :3], abs=1e-3)
    assert flight["picture"] == list(range(60))
    assert flight["state"][10] == State.LOST


def test_lengths_of_a_scene_of_any_scale_are_in_its_units(tmp_path):
    pages = [
        result_page([PageInput.of(folder, write_with_images(folder, metric=is_metric))])
        for folder, is_metric in ((tmp_path / "metric", True), (tmp_path / "other", False))
    ]
    assert [flight_of(page)["results"][0]["unit"] for page in pages] == ["m", "units"]
    text = EMBEDDED.sub("", pages[1])
    assert "median [m]" in pages[0] and "5 cm/5 deg [%]" in pages[0]
    assert "median [units]" in text and "0.05 units/5 deg [%]" in text
    assert "[m]" not in text and not re.search(r"\d (m|cm)\b", text.partition("<script")[0].replace("5 cm/5 deg:", ""))


def test_images_that_are_gone_or_no_images_are_grey(tmp_path):
    result = write_with_images(tmp_path)
    (tmp_path / "images" / "0000.png").unlink()
    (tmp_path / "images" / "0001.png").write_bytes(b"x")
    result.images[2] = "result.yaml"
    images = PageInput.of(tmp_path, result).images
    assert images[2] is None
    sheets = thumbnail_sheets(images)
    assert sheets.numbers[2] == -1 and len(sheets.sources) == 1
    assert thumbnail_sheets([None, None]).sources == []
    assert thumbnail_sheets(images, PicklingEngine()).sources == sheets.sources


def test_pictures_outside_the_result_are_shown_only_where_the_user_names_their_folder(tmp_path, capsys):
    write_with_images(tmp_path / "elsewhere")
    pictures = tmp_path / "elsewhere" / "images"
    result = made_result(60, image_folder=str(pictures))
    result.images[:] = [path.name for path in sorted(pictures.iterdir())]
    write_result(tmp_path / "result", result)
    assert not any(PageInput.of(tmp_path / "result", result).images)
    assert all(PageInput.of(tmp_path / "result", result, pictures).images)
    (pictures / "0003.png").unlink()
    (pictures / "0003.png").symlink_to(tmp_path / "elsewhere" / "result.yaml")
    assert PageInput.of(tmp_path / "result", result, pictures).images[3] is None
    assert main(["report", str(tmp_path / "result"), "-o", str(tmp_path / "page.html")]) == 0
    assert f"pictures lie outside it; --images {pictures} shows them" in capsys.readouterr().err


def test_page_without_images_states_covariances_or_camera():
    result = made_result(40, camera=None)
    nothing = np.full((40, 6, 6), np.nan)
    result = replace(result, covariances=nothing, scores=np.full(40, np.nan), baselines={})
    page = result_page([PageInput.of(Path("nowhere"), result)])
    assert "Can its covariance" not in page and "Worst frames" not in page


def test_command(tmp_path, capsys):
    write_with_images(tmp_path / "run" / "a")
    write_with_images(tmp_path / "run" / "b", seed=1, name="other")
    picture = tmp_path / "saliency.png"
    cv2.imwrite(str(picture), fake_image_rgb(1))
    page = tmp_path / "pages" / "report.html"
    missing = main(["report", str(tmp_path), "-o", str(page)])
    assert missing == 1 and "no result.yaml in it or right below" in capsys.readouterr().err
    added = ["--picture", str(picture), "what it looks at"]
    assert main(["report", str(tmp_path / "run"), "-o", str(page), *BOX, *added]) == 0
    assert str(page) in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert [each["name"] for each in flight_of(text)["results"]] == ["made", "other"]
    assert text.count("what it looks at") == 2
    mesh, one = write_box_ply(tmp_path / "box.ply", 0.5), str(tmp_path / "run" / "a")
    assert main(["report", one, "-o", str(page), "--mesh", str(mesh), "--overwrite"]) == 0
    assert len(flight_of(page.read_text(encoding="utf-8"))["edges"]) == 12
    picture.write_text("no picture")
    assert main(["report", one, "-o", str(page), *added, "--overwrite"]) == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the page's script is not tried")
def test_hovering_shows_the_frame_in_chromium(tmp_path):
    write_with_images(tmp_path / "a")
    tall = write_with_images(tmp_path / "b", seed=1, name="other")
    tall.truth[:, 2] *= 9.0
    tall.estimate[:, 2] *= 9.0
    write_result_files(tmp_path / "b", tall)
    page = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(page), *BOX]) == 0
    with Browser(tmp_path / "profile") as browser:
        browser.open(page)
        reported, shown = "document.getElementById('frame-text')", "document.getElementById('frame-picture')"
        assert browser.evaluate("flightView.chosen()") == WORST_BY_DESIGN
        for row in (33, 5):
            browser.evaluate("document.getElementById('flight').scrollIntoView()")
            corner = browser.evaluate("(r => [r.x, r.y])(document.getElementById('flight').getBoundingClientRect())")
            x, y = browser.evaluate(f"flightView.screenOf({row})")
            browser.move_mouse(corner[0] + x + 1, corner[1] + y + 1)
            browser.wait_for(f"{reported}.dataset.row === '{row}' && {shown}.dataset.row === '{row}'")
            assert f"{row:04d}.png" in browser.evaluate(f"{reported}.textContent")
            grey = browser.evaluate(f"{shown}.getContext('2d').getImageData(50, 50, 1, 1).data[0]")
            assert grey == pytest.approx(4 * row, abs=6)
        browser.evaluate("document.getElementById('view-above').click()")
        browser.evaluate(
            "(c => { c.value = '1'; c.dispatchEvent(new Event('change')); })(document.getElementById('result-chooser'))"
        )
        assert browser.evaluate("flightView.chosen()") == WORST_BY_DESIGN
        # all of a flight is seen at first, however long or high it is
        for button in ("view-askew", "view-above", "view-side"):
            browser.evaluate(f"document.getElementById('{button}').click()")
            places = np.array([browser.evaluate(f"flightView.screenOf({row})") for row in range(0, 60, 3)])
            size = browser.evaluate("(c => [c.clientWidth, c.clientHeight])(document.getElementById('flight'))")
            assert (places >= 0).all() and (places <= size).all()
        assert len(browser.pdf()) > 100_000
        assert browser.complaints() == []
        browser.evaluate("console.error('heard')")
        assert "heard" in browser.complaints()[0]
