"""Libraries that write to the terminal from compiled code are not heard."""

from __future__ import annotations

import subprocess
import sys

import pytest
from packages import ROOT

PROGRAM = """
import ctypes
from ofadsl.deploy.hush import hushed
library = ctypes.CDLL(None)
library.printf(b"before. ")
with hushed() as said:
    library.printf(b"inside. ")
    print("inside too. ", flush=True)
library.printf(b"after.")
library.fflush(None)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the C library has another name there")
def test_what_compiled_code_keeps_in_a_buffer_is_not_written_later() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "before. after."
    assert done.stderr == ""
