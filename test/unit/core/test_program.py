# SPDX-License-Identifier: BSD-3-Clause
"""Our programs tell threads how to wait, and in time; who only imports the library is left alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from camera_relocalization_ros.core.program import memory_message, run_program

ROOT = Path(__file__).resolve().parents[3]
VARIABLES = ("OPENBLAS_THREAD_TIMEOUT", "OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS")
# a program that ends when NumPy is first asked for, with what the environment says then
SPY = """
import os, runpy, sys

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            print(os.environ.get("OPENBLAS_THREAD_TIMEOUT"), os.environ.get("OMP_WAIT_POLICY"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Spy())
"""


def run_python(text: str, **variables: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
    environment.update(variables, PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "-c", text], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_the_library_changes_nothing():
    imports = "import camera_relocalization_ros.cli.main, camera_relocalization_ros.localization.relocalizer"
    # OpenCV's wheel sets variables of its own
    assert (
        run_python(f"import os; {imports}; print([name in os.environ for name in {VARIABLES}])")
        == "[False, False, False]"
    )


def test_our_programs_alone_have_functions_looked_up_when_they_are_called():
    flags = "print(bool(sys.getdlopenflags() & os.RTLD_NOW), bool(sys.getdlopenflags() & os.RTLD_LAZY))"
    imports = "import os, sys, camera_relocalization_ros.cli.main, camera_relocalization_ros.localization.relocalizer"
    assert run_python(f"{imports}; {flags}") == "True False"
    program = "import os, sys; from camera_relocalization_ros.core.program import prepare_process; prepare_process()"
    assert run_python(f"{program}; {flags}") == "False True"


@pytest.mark.parametrize(
    "start",
    [
        "sys.argv = ['reloc', 'info', '{root}/test']; runpy.run_path('{root}/scripts/reloc', run_name='__main__')",
        "from camera_relocalization_ros.core.program import run_program; run_program('node', 'numpy')",
        "runpy.run_path('{root}/benchmarks/refinement.py', run_name='__main__')",
    ],
)
def test_programs_say_how_threads_wait_before_numpy_is_loaded(start):
    program = SPY + start.format(root=ROOT)
    assert run_python(program) == "20 PASSIVE"
    assert run_python(program, OMP_WAIT_POLICY="ACTIVE") == "20 ACTIVE"


def test_nodes_and_map_alone_multiply_in_one_thread():
    spy, name = SPY.replace("OMP_WAIT_POLICY", "OPENBLAS_NUM_THREADS"), "OPENBLAS_NUM_THREADS"
    node = "from camera_relocalization_ros.core.program import run_program; run_program('node', 'numpy')"
    command = "sys.argv = ['reloc', {words}]; runpy.run_path('{root}/scripts/reloc', run_name='__main__')"
    info, build = (command.format(words=words, root=ROOT) for words in ("'info', '/'", "'map', '/', '--bundle', '/'"))
    starts = ((node, {}), (node, {name: "4"}), (info, {}), (build, {}), (build, {name: "4"}))
    assert [run_python(spy + start, **chosen) for start, chosen in starts] == [
        "20 1",
        "20 4",
        "20 None",
        "20 1",
        "20 4",
    ]


def test_every_node_starts_by_run_program():
    nodes = {path for path in (ROOT / "scripts").iterdir() if path.name != "reloc"}
    assert len(nodes) == 4
    for path in nodes:
        assert f'run_program("{path.name}", "' in path.read_text(encoding="utf-8")


def test_a_missing_package_is_one_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert run_program("relocalizer", "onnxruntime") == 1
    message = capsys.readouterr().err
    assert message.startswith("relocalizer: needs the Python package onnxruntime; ")
    assert message.count("\n") == 1


def test_a_missing_module_of_our_own_is_a_bug():
    with pytest.raises(ModuleNotFoundError, match="nowhere"):
        run_program("node", "camera_relocalization_ros.nowhere")


@pytest.mark.parametrize("limit_mb", [0, 2**11])
def test_too_little_memory_is_one_line(tmp_path, limit_mb):
    (tmp_path / "greedy.py").write_text("def main():\n    return len(bytearray(2**40))\n")
    program = (
        "import resource, sys; from camera_relocalization_ros.core.program import run_program\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({limit_mb << 20 or 2**29},) * 2)\n"
        f"sys.path.insert(0, {str(tmp_path)!r}); sys.exit(run_program('relocalizer', 'greedy'))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("relocalizer: too little memory (") and done.stderr.count("\n") == 1
    # refused before anything was loaded, or while it ran
    assert ("MB of addresses" in done.stderr) == (not limit_mb)


def test_other_faults_are_no_lack_of_memory():
    assert memory_message(RuntimeError("no such thing")) is None
    assert memory_message(RuntimeError("can't start new thread"))
    assert memory_message(ImportError("libzmq.so.5: failed to map segment from shared object"))


def test_the_garbage_collector_works_again_after_the_imports():
    program = "import gc; from camera_relocalization_ros.core.program import loaded"
    assert run_python(f"{program}; loaded('numpy'); print(gc.isenabled(), gc.get_freeze_count() > 0)") == "True True"
    failing = "\ntry:\n    loaded('nowhere')\nexcept ModuleNotFoundError:\n    print(gc.isenabled())"
    assert run_python(program + failing) == "True"


def test_freed_memory_is_not_fetched_anew_where_it_is_kept():
    program = """
import resource
from camera_relocalization_ros.core.program import keep_freed_memory
{call}
bytearray(40_000_000)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = bytearray(40_000_000)
    block[::4096] = b"x" * len(block[::4096])
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
    kept, given_back = (int(run_python(program.format(call=call))) for call in ("keep_freed_memory()", ""))
    # pages of ten blocks, or of one at most
    assert kept < 12_000 and given_back > 80_000


def test_freed_memory_of_a_thread_that_ended_is_given_back():
    program = """
import threading
from camera_relocalization_ros.core.program import give_back_freed_memory
def pages():
    return int(open("/proc/self/statm").read().split()[1])
kept = []
def work():
    blocks = [bytearray(1000) for _ in range(40_000)]
    # the last one stays, so that those below it are not at the end of the thread's memory
    kept.append(blocks[-1])
thread = threading.Thread(target=work)
thread.start()
thread.join()
before = pages()
give_back_freed_memory()
print(before - pages())
"""
    # of 40 MB in pages of 4 KB
    assert int(run_python(program)) > 5_000
