"""Files are read with an end in sight, and written whole or not at all.

A disk that refuses is reported one way.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ofadsl.diagnostics import Diagnostics, fault

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


LARGEST = 1 << 28
"""Bytes of the largest file that is read whole. A device has no end, and a pipe may have none."""


def read_whole(path: Path) -> bytes:
    """Return what a file or a pipe holds; raises OSError, also for more than LARGEST bytes."""
    with path.open("rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return data


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Report a disk that refuses ``path``, a file or a folder (OFA099)."""
    try:
        yield
    except OSError as error:
        raise refused(path, error) from error


def refused(path: Path, error: OSError) -> Diagnostics:
    """Return the report of a place that cannot be written."""
    reason = (error.strerror or str(error)).lower()
    help = "give another place with -o, or make room"
    return fault("OFA099", f"{path} cannot be written: {reason}", help=help)


def check_place(path: Path) -> None:
    """Raise OFA099 where a file ``path`` cannot be made, before the slow work that it is of."""
    with writing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        folder = next(place for place in path.absolute().parents if place.exists())
        tempfile.TemporaryFile(dir=folder).close()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give a folder that is gone afterwards; OFA099 where there is no room for it and in it."""
    place: Path | None = None
    try:
        place = Path(tempfile.gettempdir())
        with tempfile.TemporaryDirectory(prefix="ofadsl-") as folder:
            yield Path(folder)
    except OSError as error:
        if place and error.filename and place not in Path(str(error.filename)).parents:
            raise
        reason = (error.strerror or str(error)).lower()
        message = f"temporary files cannot be written{f' in {place}' if place else ''}: {reason}"
        raise fault("OFA099", message, help="make room, or name another in TMPDIR") from error


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
    """Add a line to a file, on the disk when this returns; raises OSError with nothing added."""
    data = f"{line}\n".encode()
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                file.truncate(before)
            raise


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep a file for one process; raises BlockingIOError where another has it, else OSError.

    What is locked is a file beside it, because ``path`` itself may be replaced. The system lets go
    of a process that is killed.
    """
    beside = path.with_name(f".{path.name}.lock")
    beside.parent.mkdir(parents=True, exist_ok=True)
    handle = _locked(beside)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # some systems keep what is open
            beside.unlink()
        os.close(handle)


def _locked(path: Path) -> int:
    """Return an open file that is locked and still there."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _lock(handle)
        except OSError:
            os.close(handle)
            raise
        if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
            return handle
        os.close(handle)  # whoever had it removed it meanwhile


def _lock(handle: int) -> None:
    if sys.platform == "win32":
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _keep_name(folder: Path) -> None:
    """Make a new name of a file last; not every system lets a folder be opened for that."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
