"""Words of the language that no file declares, and the nearest of some names to a misspelt one."""

from __future__ import annotations

from collections.abc import Iterable

from ofadsl.expr import FUNCTIONS
from ofadsl.ops import OPS

WORDS = frozenset(word for op in OPS.values() for arg in op.arguments for word in arg.words)
"""Values that stand for themselves, such as `relu`."""

BUILTINS = frozenset(FUNCTIONS)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean ...` for the known name nearest to ``name``, or nothing."""
    import difflib  # imported on a mistake only: it takes as long as checking a small file

    candidates = sorted(set(known))
    found = difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)
    found = found or [c for c in candidates if c.lower() == name.lower()]
    return f"did you mean `{found[0]}`?" if found else ""
