"""The phases of the compiler in their order, for the command line and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ofadsl.compiler.check import check
from ofadsl.compiler.parse.parser import no_collection, read_source
from ofadsl.compiler.program import load
from ofadsl.compiler.tree import Checked
from ofadsl.diagnostics import Source, fault


def check_file(path: str | Path, settings: Mapping[str, str] | None = None) -> Checked | None:
    """Return the checked space of a file, or None where it holds none."""
    with no_collection():
        return check(load(read_source(path), Path(path).parent), settings or {})


def check_text(
    text: str, settings: Mapping[str, str] | None = None, *, path: str = "<text>"
) -> Checked | None:
    """Return the checked space of a text, which can import nothing."""
    with no_collection():
        return check(load(Source(path=path, text=text), None), settings or {})


def checked_space(path: str | Path, settings: Mapping[str, str] | None = None) -> Checked:
    """Return the checked space of a file; raise Diagnostics where it holds none."""
    checked = check_file(path, settings)
    if checked is None:
        raise fault("OFA028", f"`{path}` holds no space", help="name a file with `space ... { }`")
    return checked


def known_settings(path: str | Path, settings: Mapping[str, str]) -> dict[str, str]:
    """Return those of the settings that the space of a file has parameters for."""
    spaces = load(read_source(path), Path(path).parent).spaces()
    names = {p.name.text for space in spaces for p in space.parameters}
    return {name: value for name, value in settings.items() if name in names}
