# SPDX-License-Identifier: BSD-3-Clause
"""The worlds by name, each in a line, without what draws them."""

from __future__ import annotations

DEFAULT_WORLD = "arena"
WORLD_LINES = {
    "arena": "a richly textured model in a laboratory",
    "glider": "a plain white glider in a plain office",
    "airliner": "an airliner in a hangar that repeats itself; heavy compression",
    "polished": "bare metal that mirrors the hangar; exposure goes up and down",
    "military": "a grey jet on a sunny apron; rolling shutter",
    "light": "a white light aircraft on the apron; fisheye lens",
}
