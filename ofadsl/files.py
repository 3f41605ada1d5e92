"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write_text(path: Path, text: str) -> None:
    """Write ``text`` beside ``path`` and move it there; raises OSError with nothing written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        mode = path.stat().st_mode if path.exists() else 0o644
        os.chmod(draft, mode & 0o777)
        os.replace(draft, path)
    finally:
        Path(draft).unlink(missing_ok=True)


def write_durable(path: Path, pieces: Iterable[bytes]) -> None:
    """Write ``pieces`` as ``path``, on the disk when this returns; raises OSError.

    Should the process or the machine stop at any moment, ``path`` is what it was or what it is to
    be; a draft of a name that begins with a dot may stay beside it.
    """
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(draft, 0o644)
        os.replace(draft, path)
        _keep_name(path.parent)
    finally:
        Path(draft).unlink(missing_ok=True)


def append_durable(path: Path, line: str) -> None:
    """Add a line to a file, on the disk when this returns; raises OSError."""
    with path.open("a", encoding="utf-8", newline="\n") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


def _keep_name(folder: Path) -> None:
    """Make a new name of a file last; not every system lets a folder be opened for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
