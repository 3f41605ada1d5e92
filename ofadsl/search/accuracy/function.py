"""An accuracy as a function of the user's: ``module:function``, from choice indices to scores."""

from __future__ import annotations

import importlib
import sys
import traceback
from pathlib import Path

import numpy as np

from ofadsl.diagnostics import fault
from ofadsl.search.front import Archs, Floats
from ofadsl.search.problem import Cost

_HELP = "name a function that takes archs, uint8 (n, dimensions), and returns n numbers"


def imported(name: str) -> Cost:
    """Return the function ``module:function``; OFA234 where it cannot be had, or fails.

    The module is looked for in the working folder first, as `python -m` does.
    """
    place, _, attribute = name.partition(":")
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        function = getattr(importlib.import_module(place), attribute)
    except Exception as error:
        raise fault("OFA234", f"{name[:80]} cannot be imported: {error}", help=_HELP) from error
    finally:
        sys.path.remove(here)
    if not callable(function):
        raise fault("OFA234", f"{name[:80]} is no function", help=_HELP)

    def scores(x: Archs) -> Floats:
        if not len(x):
            return np.zeros(0)
        try:
            found = np.asarray(function(x.copy()))  # code of others may write into it
        except Exception as error:
            raise fault("OFA234", f"{name[:80]} failed: {_said(error)}", help=_HELP) from error
        if found.shape != (len(x),) or found.dtype.kind not in "fiu":
            shape = f"{found.dtype} of the shape {found.shape}"
            message = f"{name[:80]} gave {shape} for {len(x)} archs"
            raise fault("OFA234", message, help=_HELP)
        return found.astype(np.float64)

    return scores


def _said(error: Exception) -> str:
    """Return what went wrong in code of others, and where."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())[:200]
    return f"{type(error).__name__}: {text}, at {frame.filename}:{frame.lineno}"
