"""What a command answers, and how it writes a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ofadsl.diagnostics import fault
from ofadsl.files import write_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was done, as lines for a person and as data for a program."""

    lines: tuple[str, ...]
    data: Mapping[str, Any]


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; a disk that refuses is the user's to know (OFA099)."""
    try:
        write_text(path, text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA099", f"{path} cannot be written: {reason}") from error
