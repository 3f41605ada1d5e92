"""Values and functions as Python text, for a file that imports torch and nothing else.

Only what is listed here is ever written, so that no text of an input becomes code.
"""

from __future__ import annotations

import inspect
import math
import operator
from collections.abc import Callable
from typing import Any

import torch

F = torch.nn.functional

ACTIVATIONS: dict[Any, str] = {
    getattr(F, name): f"F.{name}"
    for name in ("relu", "relu6", "hardswish", "silu", "gelu", "hardsigmoid", "sigmoid", "tanh")
} | {torch.sigmoid: "torch.sigmoid", torch.tanh: "torch.tanh", torch.relu: "torch.relu"}
"""Functions of one argument, which a class may take as an argument of its own."""

OPERATORS: dict[Any, str] = {
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.matmul: "@",
}


def function(target: Callable[..., Any]) -> str:
    """Return the name under which a torch function is called."""
    if target in ACTIVATIONS:
        return ACTIVATIONS[target]
    for prefix, module in (("F", F), ("torch", torch), ("torch.linalg", torch.linalg)):
        name = next((n for n, f in vars(module).items() if f is target and n.isidentifier()), None)
        if name is not None and not name.startswith("_"):
            return f"{prefix}.{name}"
    raise AssertionError(f"the writer knows no name for the function {target}")


def literal(value: object) -> str:
    """Return a number, word, size or type as text."""
    match value:
        case bool() | None | str() | int():
            return _quoted(value) if isinstance(value, str) else repr(value)
        case float():
            return repr(value) if math.isfinite(value) else f'float("{value}")'
        case torch.dtype() | torch.memory_format() | torch.layout():
            return str(value)
        case torch.device():
            return f'torch.device("{value.type}")'
        case torch.Size() | tuple():
            inner = ", ".join(map(literal, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        case list():
            return f"[{', '.join(map(literal, value))}]"
        case _ if value in ACTIVATIONS:
            return ACTIVATIONS[value]
    raise AssertionError(f"the writer knows no text for {value!r}")


def _quoted(word: str) -> str:
    text = repr(word)
    return text if '"' in word else f'"{text[1:-1]}"'


def arguments(module: torch.nn.Module) -> dict[str, object]:
    """Return what a module of torch.nn was made with, by the names of its constructor."""
    found: dict[str, object] = {}
    parameters = inspect.signature(type(module).__init__).parameters
    for name in list(parameters)[1:]:
        if name in ("device", "dtype"):
            continue
        if not hasattr(module, name):
            raise AssertionError(f"the writer cannot tell {name} of {type(module).__name__}")
        value = getattr(module, name)
        found[name] = value is not None if name == "bias" else _square(module, name, value)
    return found


def defaults(kind: type[torch.nn.Module]) -> dict[str, object]:
    """Return the defaults of a constructor; a required argument has none."""
    parameters = inspect.signature(kind.__init__).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def _square(module: torch.nn.Module, name: str, value: object) -> object:
    """Return 3 for (3, 3), where torch makes one of the other."""
    spread = isinstance(value, tuple) and len(set(value)) == 1 and "norm" not in name
    return value[0] if spread and isinstance(value, tuple) else value
