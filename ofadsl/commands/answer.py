"""What a command answers, and how it writes a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ofadsl.files import write_text, writing


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What was done, as lines for a person and as data for a program."""

    lines: tuple[str, ...]
    data: Mapping[str, Any]


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; OFA099 where the disk refuses."""
    with writing(path):
        write_text(path, text)
