"""Folders are written whole or not at all, and replace nothing but their like."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ofadsl.diagnostics import fault
from ofadsl.files import writing


@contextmanager
def written_whole(folder: Path, what: str, is_ours: Callable[[set[str]], bool]) -> Iterator[Path]:
    """Give a draft beside ``folder`` to write to, and move it there when all went well.

    ``is_ours`` says of the names in a folder whether they are those of an older ``what``, which is
    replaced; any other folder that is not empty is refused (OFA098). Whoever is killed on the way
    leaves at most the draft, whose name starts with a dot. OFA099 where the disk refuses.
    """
    folder = Path(os.path.realpath(folder))
    _refuse_others(folder, what, is_ours)
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        with writing(folder):
            yield draft
            _publish(draft)
            _replace(folder, draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _refuse_others(folder: Path, what: str, is_ours: Callable[[set[str]], bool]) -> None:
    if not folder.exists():
        return
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if not folder.is_dir() or (found and not is_ours(set(found) - {"__pycache__"})):
        holds = f"it holds {found[0]}" if found else "it is a file"
        message = f"{folder} is not {what}'s folder: {holds}"
        raise fault("OFA098", message, help="give a new folder with -o")


def _publish(draft: Path) -> None:
    """Give the files the rights that new files have, and let them reach the disk."""
    umask = os.umask(0)
    os.umask(umask)
    draft.chmod(0o777 & ~umask)
    for path in draft.rglob("*"):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~umask)
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _replace(folder: Path, draft: Path) -> None:
    """Move ``draft`` to ``folder``; what was there is gone only when it stands."""
    if not folder.exists() or not any(folder.iterdir()):
        draft.rename(folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    folder.rename(old)
    try:
        draft.rename(folder)
    except BaseException:
        old.rename(folder)
        raise
    shutil.rmtree(old)
