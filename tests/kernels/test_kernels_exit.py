"""A program ends well, whatever its threads, children and interpreters still compute."""

from __future__ import annotations

import subprocess
import sys

import pytest

import support

BEGINNING = """
import os, threading, time, numpy as np
from byhand import kernels as K
K.set_threads(2)
w = np.ones((32, 16, 3, 3), "f4")
begun = threading.Barrier(3)
def forever(once):
    once()
    begun.wait()
    while True:
        once()
def start(once):
    for _ in range(2):
        threading.Thread(target=forever, args=(once,), daemon=True).start()
    begun.wait()
"""
PROGRAMS = {
    "lanes": """
x = K.Lanes.pack(np.ones((32, 16, 28, 28), "f4"))
start(lambda: K.conv2d(x, w, None, 1, 1))
""",
    "rows": """
x = K.Rows.of(np.ones((3, 16, 28, 28), "f4"))
start(lambda: K.conv2d(x, w, None, 1, 1))
""",
    "peak": "start(lambda: K.fma_peak(0.01))\n",
    "children": """
x = K.Lanes.pack(np.ones((32, 16, 28, 28), "f4"))
start(lambda: K.conv2d(x, w, None, 1, 1))
for _ in range(3):
    child = os.fork()
    K.conv2d(x, w, None, 1, 1)
    if not child:
        raise SystemExit(0)
    assert os.waitpid(child, 0)[1] == 0
""",
    "interpreter": """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
try:
    interpreters.run_string(other, "from byhand import kernels; kernels.arithmetic()")
except Exception as error:
    assert "once per process" in str(error) or "subinterpreters" in str(error)
interpreters.destroy(other)
K.conv2d(K.Lanes.pack(np.ones((32, 16, 28, 28), "f4")), w, None)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_ends_with_status_0_and_no_word(name):
    support.require_core()
    if name == "children" and not hasattr(__import__("os"), "fork"):
        pytest.skip("no forks on this system")
    program = BEGINNING + PROGRAMS[name]
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
