"""Compile a space for a test and import what was generated."""

from __future__ import annotations

import atexit
import functools
import importlib.util
import random
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ofadsl.compiler.emit.package import emit, write
from ofadsl.compiler.lower import lower
from ofadsl.compiler.pipeline import checked_space
from ofadsl.compiler.tree import Checked
from ofadsl.graph import Graph

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = tuple(sorted(path.stem for path in (ROOT / "spaces").glob("*.ofa")))
OWN = tuple(sorted(path.stem for path in (ROOT / "tests" / "spaces").glob("*.ofa")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Compiled:
    """A space in all its forms."""

    checked: Checked
    graph: Graph
    module: Any
    """The generated package, with `Supernet`, `Arch` and `cost`."""

    def archs(self, count: int, seed: int = 0) -> list[Any]:
        """Return archs drawn uniformly from the distinct subnets."""
        samples = self.checked.space.samples(random.Random(seed))
        forms = [self.checked.space.to_json(next(samples)) for _ in range(count)]
        return [self.module.Arch.from_dict(form) for form in forms]


def path_of(name: str) -> Path:
    """Return the file of a space, shipped or of the tests."""
    shipped = ROOT / "spaces" / f"{name}.ofa"
    return shipped if shipped.exists() else ROOT / "tests" / "spaces" / f"{name}.ofa"


@functools.cache
def compiled(name: str, *settings: str) -> Compiled:
    """Return a space compiled and imported, once a session; settings as `width=1.2`."""
    return compiled_file(path_of(name), *settings)


def compiled_file(path: Path, *settings: str) -> Compiled:
    """Return the space of a file compiled and imported."""
    checked = checked_space(path, dict(s.split("=") for s in settings))
    folder = Path(tempfile.mkdtemp(prefix="ofadsl-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write(emit(checked, path.name), folder)
    module = _import(folder / checked.space.name, "_".join([path.stem, *settings]))
    return Compiled(checked=checked, graph=lower(checked), module=module)


def _import(folder: Path, name: str) -> ModuleType:
    unique = "compiled_" + "".join(c if c.isalnum() else "_" for c in name)
    spec = importlib.util.spec_from_file_location(
        unique, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module
    spec.loader.exec_module(module)
    return module
