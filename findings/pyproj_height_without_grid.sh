#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pyproj gives the height above the ellipsoid out as that above the sea, where it lacks the geoid.
#
# Guess beforehand: a transformation from WGS 84 with height (EPSG:4979) to heights above the geoid EGM96 (EPSG:4326+5773)
# needs the grid of the geoid, which the wheel does not bring; without it transform raises, or gives inf, as it does for
# points that it cannot transform. Certainly so with only_best=True, which is there "to cause PROJ to error out if the best
# transformation [...] cannot be used", by its docstring.
# Seen (pyproj 3.7.2 with PROJ 9.5.1): the height comes out unchanged, with only_best=True and errcheck=True too. In Zurich,
# where the geoid lies 47 m above the ellipsoid, a drone is told 47 m too high. Nothing is raised or said; the word "ballpark"
# in the transformer's description is the only sign. allow_ballpark=False alone refuses.
# So a height from a satellite fix (above the ellipsoid in sensor_msgs/NavSatFix) is none above the sea after this.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check pyproj==3.7.2
cat >"$folder/program.py" <<'PYTHON'
import warnings

import pyproj

LONGITUDE, LATITUDE, HEIGHT_M = 8.54, 47.38, 500.0


def transformer(**options):
    return pyproj.Transformer.from_crs("EPSG:4979", "EPSG:4326+5773", always_xy=True, **options)


with warnings.catch_warnings():
    warnings.simplefilter("error")
    for options in ({}, {"only_best": True}):
        made = transformer(**options)
        found = made.transform(LONGITUDE, LATITUDE, HEIGHT_M, errcheck=True)[2]
        print(f"{options}: {HEIGHT_M} m above the ellipsoid are {found} m above the sea, by {made.description}")
        assert found == HEIGHT_M and "ballpark" in made.description
try:
    transformer(allow_ballpark=False)
except pyproj.exceptions.ProjError as error:
    print(f"allow_ballpark=False: {error}")
else:
    raise SystemExit("allow_ballpark=False does not refuse")
PYTHON
env -u PROJ_DATA -u PROJ_LIB PROJ_NETWORK=OFF PROJ_USER_WRITABLE_DIRECTORY="$folder" "$folder/venv/bin/python" "$folder/program.py"
echo "still so: what is above the ellipsoid is called above the sea"
