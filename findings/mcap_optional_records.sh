#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# mcap's Python reader needs what its own writer may leave out: the channels a second time, and an index to read backwards.
#
# Guess beforehand: what the writer leaves out where it is told to (repeat_channels, use_chunking) changes how quickly its
# own reader finds something, not what it reads; iter_messages(reverse=True) gives the newest message first, or says that
# it cannot.
# Seen (mcap 1.6.0): of a file whose channels stand in its data section alone, where each is before its first message,
# iter_messages ends with KeyError: 1. Of a file without chunks reverse=True is passed over: the oldest message comes first.
# So camera_relocalization_ros says of a file whose channels stand once that `mcap recover` writes one that it reads.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --no-compile --disable-pip-version-check mcap==1.6.0
cat >"$folder/program.py" <<'PYTHON'
import io

from mcap.reader import NonSeekingReader, make_reader
from mcap.writer import Writer


def recording(**options):
    """Of five messages, at 1 to 5 ns."""
    file = io.BytesIO()
    writer = Writer(file, **options)
    writer.start("ros1")
    schema = writer.register_schema("std_msgs/String", "ros1msg", b"string data")
    channel = writer.register_channel("/pose", "ros1", schema)
    for time in range(1, 6):
        writer.add_message(channel, time, b"\x00\x00\x00\x00", time)
    writer.finish()
    file.seek(0)
    return file


def times(reader, **how):
    try:
        return [message.log_time for _, _, message in reader.iter_messages(**how)]
    except KeyError as error:
        return repr(error)


seen = {
    "as written by default": times(make_reader(recording())),
    "backwards": times(make_reader(recording()), reverse=True),
    "without chunks": times(make_reader(recording(use_chunking=False))),
    "without chunks, backwards": times(make_reader(recording(use_chunking=False)), reverse=True),
    "channels once": times(make_reader(recording(repeat_channels=False))),
    "channels once, from a stream": times(NonSeekingReader(recording(repeat_channels=False))),
}
for name, found in seen.items():
    print(f"{name}: {found}")
assert seen["as written by default"] == seen["without chunks"] == seen["channels once, from a stream"] == [1, 2, 3, 4, 5]
assert seen["backwards"] == [5, 4, 3, 2, 1]
assert seen["without chunks, backwards"] == [1, 2, 3, 4, 5]
assert seen["channels once"] == "KeyError(1)"
PYTHON
"$folder/venv/bin/python" "$folder/program.py"
echo "still so: what may be left out is needed"
