# SPDX-License-Identifier: BSD-3-Clause
"""How a program of this package starts: how it waits and loads libraries, one line where a package is missing.

Loads only the standard library: what it says must come before NumPy.
"""

from __future__ import annotations

import errno
import gc
import importlib
import mmap
import os
import signal
import sys
from types import ModuleType

from camera_relocalization_ros.core.missing_package import missing_package_message

# of addresses, not of memory, that a node takes with a model and its map; and for each core, whose threads have stacks
NODE_BYTES, CORE_BYTES = 2**30, 2**26
# for a process that lacks memory to end in
LAST_SECONDS = 10
# from glibc's malloc.h
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
KEPT_BYTES = 1 << 30
# how Python and the loader of libraries say that there is no memory, besides MemoryError
MEMORY_TEXTS = ("can't start new thread", "failed to map segment", "cannot allocate memory", "bad_alloc")


def prepare_process() -> None:
    """What our programs set for their process, and a library must not: to be called before NumPy is loaded."""
    let_waiting_threads_sleep()
    look_up_functions_when_called()


def let_waiting_threads_sleep() -> None:
    """Set the environment so that threads of NumPy and PyTorch sleep while they wait; what is set already stays.

    Threads of NumPy's OpenBLAS and of PyTorch's OpenMP wait for more work by spinning, for tens of milliseconds, and
    take the cores from whoever has work (docs/node.md). Both read this once, when they are loaded: to be called before
    them, by programs only, for it holds for the whole process.
    """
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "20")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def multiply_in_one_thread() -> None:
    """Set the environment so that NumPy's OpenBLAS does not share out its work; what is set already stays.

    A node's matrices are small, 6 by 6 many of them. On a busy computer each product waits until the system gives a
    second thread its turn, for milliseconds. To be called before NumPy is loaded.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def keep_freed_memory() -> None:
    """Have the C library keep memory that is freed, up to KEPT_BYTES, for what needs it next.

    Else glibc gives the memory of each image back to the kernel and fetches it anew, page by page: of work on many
    images that is a tenth of the time, of some half.
    """
    import ctypes  # which takes milliseconds, and is of use to few commands

    libc = ctypes.CDLL(None)
    libc.mallopt(M_MMAP_THRESHOLD, KEPT_BYTES)
    libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def give_back_freed_memory() -> None:
    """Have the C library give memory that was freed back to the kernel, where it is glibc.

    It keeps what each thread freed for that thread: of a bundle that a thread loaded some 80 MB, though the thread has
    ended.
    """
    import ctypes  # as above

    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def look_up_functions_when_called() -> None:
    """Have the loader look up a library's functions at their first call, not all of them when Python loads it.

    Python asks for all at once. Debian's OpenCV brings 350 libraries (VTK, GDAL, ...) of which we call a handful: it is
    loaded in two thirds of the processor's time so. Libraries linked with `-z now`, as Ubuntu's, and LD_BIND_NOW stay
    as they are.
    """
    sys.setdlopenflags(sys.getdlopenflags() & ~os.RTLD_NOW | os.RTLD_LAZY)


def loaded(module: str) -> ModuleType:
    """A module, imported with the garbage collector asleep, which then leaves alone what came with it.

    There is next to no garbage in what is imported, and the collector looks through all of it again and again.
    """
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        gc.freeze()
        gc.enable()


def run_program(name: str, module: str) -> int:
    """Run main() of a node's module, imported only now; its exit code.

    1 where a package is missing or there is too little memory, which is printed on one line.
    """
    prepare_process()
    multiply_in_one_thread()
    try:
        _reserve_once(NODE_BYTES + CORE_BYTES * (os.cpu_count() or 1))
        return int(loaded(module).main())
    except Exception as error:
        package = missing_package_message(error.name or "") if isinstance(error, ModuleNotFoundError) else None
        message = package or memory_message(error)
        if message is None:
            raise
        if package is None:
            # threads that wait for memory may keep the process from ending
            signal.alarm(LAST_SECONDS)
        print(f"{name}: {message}", file=sys.stderr)
        return 1


def memory_message(error: BaseException) -> str | None:
    """That there is too little memory, on one line; None where the error says something else."""
    text = " ".join(str(error).split())
    is_meant = isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM
    if not is_meant and not any(part in text.lower() for part in MEMORY_TEXTS):
        return None
    return f"too little memory ({text or type(error).__name__}); see `ulimit -v` and the limits of the container"


def _reserve_once(size: int) -> None:
    """Take so many addresses and give them back; raises MemoryError.

    Where they are short OpenBLAS waits for ever, deaf to signals, and libraries end the process without a word.
    """
    try:
        mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=0).close()
    except OSError as error:
        raise MemoryError(f"a node takes {size >> 20} MB of addresses, and this process may not have them") from error
