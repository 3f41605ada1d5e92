"""Generated packages: found by the name of a space, or compiled from its file, and imported."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ofadsl.compiler.emit.package import compile_space, recorded, write
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import fault
from ofadsl.files import temporary_folder

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """A generated package, imported."""

    module: Any
    source: str

    def supernet(self) -> torch.nn.Module:
        """Return a supernet with initial weights, in eval mode."""
        net: torch.nn.Module = self.module.Supernet()
        return net.eval()


def find_package(name: str, generated: Path) -> Loaded:
    """Import the package of a space that was generated; OFA100 where there is none."""
    known = {Path(source).stem: (source, said) for source, said in recorded(generated)}
    folder = generated / name
    if not name.isidentifier() or not (folder / "supernet.py").is_file():
        listed = ", ".join(sorted(known)) or "nothing"
        help = f"compile it, or give --space FILE.ofa; {generated} holds {listed}"
        raise fault("OFA100", f"no package of the space {name[:80]} was generated", help=help)
    module = _import(folder)
    return Loaded(module=module, source=module.SOURCE)


def load_package(path: Path, settings: Mapping[str, str]) -> Loaded:
    """Compile a space and import what was generated, leaving nothing behind."""
    package = compile_space(path, settings)
    with temporary_folder() as temporary:
        write(package, temporary)
        module = _import(temporary / package.name)
    return Loaded(module=module, source=shown_path(path))


def _import(folder: Path) -> Any:
    """Import a generated package under a name of its own."""
    name = f"_ofadsl_generated_{folder.name}"
    for old in [key for key in sys.modules if key == name or key.startswith(f"{name}.")]:
        del sys.modules[old]
    spec = importlib.util.spec_from_file_location(
        name, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module: ModuleType = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
