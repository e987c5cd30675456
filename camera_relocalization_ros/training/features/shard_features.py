# SPDX-License-Identifier: BSD-3-Clause
"""The features of a shard computed and stored by any process; knows the network as ONNX, and no PyTorch."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Callable, Generator, Iterable, Iterator, TypeVar

import numpy as np
import onnxruntime

from camera_relocalization_ros.data.dataset import Frame
from camera_relocalization_ros.fleet.engine import uncounted
from camera_relocalization_ros.localization.onnx_session import usable_providers
from camera_relocalization_ros.training.features.sharded_store import Shard
from camera_relocalization_ros.training.features.views import ViewMaker

# in order of preference
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")
T = TypeVar("T")


def build_shard(
    item: tuple[Shard, list[Frame]],
    model: bytes,
    maker: ViewMaker,
    threads: int,
    advance: Callable[[], object] = uncounted,
) -> None:
    """Compute what a shard lacks of the features of its frames, and store it.

    Raises DatasetError when an image cannot be read or the folder not be written.
    """
    shard, frames = item
    store = shard.store
    with store.written():
        done = store.rows_done()
        if done == len(frames):
            return
        # closed, also when writing fails: no thread works on
        with closing(_computed(open_model(model), maker, frames, shard.first, done, threads)) as computed:
            store.append(_advancing(computed, advance), done)


def _advancing(rows: Iterable[T], advance: Callable[[], object]) -> Iterator[T]:
    for row in rows:
        yield row
        advance()


def _computed(
    session: onnxruntime.InferenceSession, maker: ViewMaker, frames: list[Frame], number: int, done: int, threads: int
) -> Generator[tuple[np.ndarray, np.ndarray], None, None]:
    """Cells (V, C, cells) and poses (V, 7) of the frames after the first `done`, in order; number: of the first one."""

    def row_of(row: int) -> tuple[np.ndarray, np.ndarray]:
        images, poses_v7 = maker.views(frames[row], number + row)
        return np.stack([session.run(None, {"image": image[None]})[0][0] for image in images]), poses_v7

    rows = iter(range(done, len(frames)))
    with ThreadPoolExecutor(threads) as pool:
        pending = deque(pool.submit(row_of, row) for row in islice(rows, 2 * threads))
        while pending:
            computed = pending.popleft().result()
            pending.extend(pool.submit(row_of, row) for row in islice(rows, 1))
            yield computed


def open_model(model: bytes) -> onnxruntime.InferenceSession:
    """A session of a network in ONNX; each run takes one thread, for several may run at once."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=usable_providers(PROVIDERS))
