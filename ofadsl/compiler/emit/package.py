"""From a `.ofa` file to the package `generated/<space>/`: supernet, cost model, provenance.

The same input gives the same bytes. A package is written whole or not at all.
"""

from __future__ import annotations

import ast
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2

from ofadsl.compiler.emit.cost import emit_cost
from ofadsl.compiler.emit.supernet import supernet_text
from ofadsl.compiler.emit.text import literal, shown_path
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.compiler.tree import Checked
from ofadsl.expr import static
from ofadsl.space import shown_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """The files of a generated package, by name."""

    name: str
    files: Mapping[str, str]


def compile_space(path: str | Path, settings: Mapping[str, str] | None = None) -> Package:
    """Return the generated files of a space; raise Diagnostics where it is not valid."""
    checked = checked_space(path, settings)
    return emit(checked, shown_path(path))


def emit(checked: Checked, source: str) -> Package:
    """Return the generated files of a checked space that was read from ``source``."""
    graph = lower(checked)
    files = {
        "__init__.py": _render("package.py.jinja", _package(checked, source)),
        "cost.py": emit_cost(checked, graph, source=source),
        "supernet.py": emit_supernet(checked, source),
    }
    return Package(name=checked.space.name, files=files)


def emit_supernet(checked: Checked, source: str) -> str:
    """Return the text of `supernet.py`."""
    text = supernet_text(checked)
    space = checked.space
    x = checked.body.x
    count = shown_count(space.size())
    docs = {"Arch": f"One subnet of {space.name}."}
    for cls in text.arch.classes[:-1]:
        docs[cls.name] = _doc(cls.name)
    context = {
        "name": space.name,
        "source": source,
        "title": f"The supernet of {space.name}: {count} subnets share these weights.",
        "text": text,
        "docs": docs,
        "requirements": bool(space.requirements),
        "input_shape": f"batch, {static(x.channels)}, rows, columns",
    }
    return _render("supernet.py.jinja", context)


def _doc(name: str) -> str:
    if name.rstrip("0123456789").endswith("Stage"):
        return "The choices of a stage."
    return "The choices of one block."


def write(package: Package, folder: str | Path) -> list[Path]:
    """Write a package into ``folder``; return the paths. Other files in it stay as they are."""
    target = Path(folder) / package.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{package.name}-") as temporary:
        for name, text in package.files.items():
            (Path(temporary) / name).write_text(text, encoding="utf-8", newline="\n")
        target.mkdir(exist_ok=True)
        for name in package.files:
            os.replace(Path(temporary) / name, target / name)
    shutil.rmtree(target / "__pycache__", ignore_errors=True)
    return [target / name for name in package.files]


def stale(package: Package, folder: str | Path) -> list[Path]:
    """Return the files under ``folder`` that differ from what the package says."""
    target = Path(folder) / package.name
    return [
        target / name
        for name, text in package.files.items()
        if not (target / name).is_file() or (target / name).read_bytes() != text.encode()
    ]


def _package(checked: Checked, source: str) -> dict[str, object]:
    settings = {name: value for name, value in checked.space.params}
    shown = ", ".join(f'"{name}": {literal(value)}' for name, value in settings.items())
    return {
        "name": checked.space.name,
        "source": source,
        "settings": f"{{{shown}}}",
        "channels": static(checked.body.x.channels),
    }


def _render(template: str, context: Mapping[str, object]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(context)


def recorded(folder: str | Path) -> list[tuple[Path, dict[str, str]]]:
    """Return the source and the settings of every package under ``folder``, as they say."""
    found = []
    for path in sorted(Path(folder).glob("*/__init__.py")):
        constants: dict[str, object] = {}
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else None
            target = node.target if isinstance(node, ast.AnnAssign) else target
            if isinstance(target, ast.Name) and isinstance(node, ast.Assign | ast.AnnAssign):
                if target.id in ("SOURCE", "SETTINGS"):
                    constants[target.id] = ast.literal_eval(node.value or ast.Constant(None))
        source, settings = constants.get("SOURCE"), constants.get("SETTINGS")
        if isinstance(source, str) and isinstance(settings, dict):
            said = {
                k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in settings.items()
            }
            found.append((Path(source), said))
    return found
