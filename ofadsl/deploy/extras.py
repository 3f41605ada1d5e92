"""Packages that only some users need: named, with what installs them, where one is missing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from ofadsl.diagnostics import fault


def need(extra: str, packages: Iterable[str], purpose: str) -> None:
    """Raise OFA250 where a package of an extra is not installed."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        message = f"{purpose} needs {', '.join(missing)}: not installed"
        raise fault("OFA250", message, help=f"pip install 'ofadsl[{extra}]'")
