#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# pandas 3 counts stamps in nanoseconds or in microseconds, by how many digits they were written with.
#
# Guess beforehand: the stamps of a table of poses and those of a table of images, read in the same way by one release, are numbers of the
# same unit, nanoseconds as ever, so that stamps.astype("int64") of both can be compared, and divided by 1e9 are seconds.
# Seen (pandas 3.1.1; 2.3.3 for comparison): with 2.3.3 all is in nanoseconds. With 3.1.1 "00:00:00.100" and "00:00:00.100000" become microseconds and
# "00:00:00.100000000" nanoseconds; one stamp of nine digits turns the whole file over, also where the last of them are zeros. Seconds as
# whole numbers become microseconds, seconds with a fraction nanoseconds, and so do whole nanoseconds; date_range and Python's datetime
# are microseconds. astype("int64") of two such tables differs by a factor of 1000, and by 1e9 an image of 2026 is of January 1970, two
# stamps 0.1 s apart are 0.1 ms apart. Comparing, joining and Timestamp.value are right, so that nothing shows until numbers are made.
# pandas' notes of 3.0 say that microseconds are the new unit where the values allow, and warn that whole numbers are 1000 times smaller; not that
# two files of one recorder can differ.
# Consequence for whoever turns stamps into numbers: .dt.as_unit("ns") first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat >"$folder/program.py" <<'PYTHON'
import datetime
import io
import sys

import pandas as pd

print("pandas", pd.__version__)
DAY_NS = 20788 * 86400 * 10**9  # 1 December 2026
STAMP_NS = DAY_NS + 100_000_000


def read(*fractions):
    rows = "".join(f"2026-12-01 00:00:00.{fraction}\n" for fraction in fractions)
    return pd.read_csv(io.StringIO(f"stamp\n{rows}"), parse_dates=["stamp"])["stamp"]


made = {
    "text, 3 digits": read("100"),
    "text, 6 digits": read("100000"),
    "text, 9 digits": read("100000000"),
    "text, 3 digits and then 9": read("100", "200000000"),
    "whole seconds": pd.Series(pd.to_datetime([DAY_NS // 10**9], unit="s")) + pd.Timedelta("100ms"),
    "seconds with a fraction": pd.Series(pd.to_datetime([STAMP_NS / 1e9], unit="s").round("ms")),
    "whole nanoseconds": pd.Series(pd.to_datetime([STAMP_NS], unit="ns")),
    "date_range": pd.Series(pd.date_range("2026-12-01 00:00:00.100", periods=1)),
    "datetime": pd.Series([datetime.datetime(2026, 12, 1, 0, 0, 0, 100_000)]),
}
units = {}
for name, stamps in made.items():
    number = int(stamps.astype("int64").iloc[0])
    units[name] = stamps.dtype.name
    print(f"{name}: {stamps.dtype}, {number}, by 1e9 {pd.Timestamp(number / 1e9, unit='s').year}")
    assert stamps.iloc[0].value == STAMP_NS
    assert number == (STAMP_NS if units[name] == "datetime64[ns]" else STAMP_NS // 1000)
    assert int(stamps.dt.as_unit("ns").astype("int64").iloc[0]) == STAMP_NS
nanoseconds = {name for name, unit in units.items() if unit == "datetime64[ns]"}
if sys.argv[1] == "2":
    assert nanoseconds == set(made)
else:
    assert set(units.values()) == {"datetime64[ns]", "datetime64[us]"}
    assert nanoseconds == {"text, 9 digits", "text, 3 digits and then 9", "seconds with a fraction", "whole nanoseconds"}
PYTHON
for pandas in 2.3.3 3.1.1; do
  python3 -m venv "$folder/venv"
  "$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "pandas==$pandas" numpy==2.2.6
  OMP_NUM_THREADS=1 "$folder/venv/bin/python" "$folder/program.py" "${pandas%%.*}"
  rm -rf "$folder/venv"
done
echo "still so: by their digits"
