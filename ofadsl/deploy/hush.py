"""Silence for libraries that write to the terminal from compiled code."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO

from ofadsl.deploy.quiet import quiet

_MOST = 2000


@contextmanager
def hushed() -> Iterator[Callable[[], str]]:
    """Take what is written to the terminal inside; the value returns it, an error carries its end.

    Not for threads: the two outputs of the process are redirected.
    """
    with tempfile.TemporaryFile() as taken, quiet():
        _flush()
        saved = os.dup(1), os.dup(2)
        os.dup2(taken.fileno(), 1)
        os.dup2(taken.fileno(), 2)
        try:
            yield lambda: _text(taken)
        except Exception as error:
            error.add_note(_text(taken)[-_MOST:])
            raise
        finally:
            _flush()
            for place, old in zip((1, 2), saved, strict=True):
                os.dup2(old, place)
                os.close(old)


def _flush() -> None:
    """Write what waits, compiled code's too: a buffer that is written later would be seen."""
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        ctypes.CDLL(None).fflush(None)


def _text(taken: IO[bytes]) -> str:
    place = os.lseek(taken.fileno(), 0, os.SEEK_CUR)
    os.lseek(taken.fileno(), 0, os.SEEK_SET)
    text = taken.read().decode(errors="replace")
    os.lseek(taken.fileno(), place, os.SEEK_SET)
    return text
