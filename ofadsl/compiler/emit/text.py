"""Python text: identifiers that are safe in a module, literals, calls broken over lines."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Iterable
from pathlib import Path

from ofadsl.compiler.emit.wrap import WIDTH, wrapped
from ofadsl.expr import SIGN, Code, atom

_MODULE = """add_module add_submodule apply bfloat16 buffers call_super_init children code
code_with_constants compile cpu cuda define delete_all_unused_submodules delete_submodule double
dump_patches eval extra_repr float forward forward_magic_method get_buffer get_debug_state
get_extra_state get_parameter get_submodule graph graph_for half inlined_graph ipu load_state_dict
meta modules mtia named_buffers named_children named_modules named_parameters original_name
parameters print_readable recompile register_backward_hook register_buffer register_forward_hook
register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_ save
save_to_buffer set_extra_state set_submodule shape_env share_memory state_dict to to_empty
to_folder train training type xpu zero_grad T_destination"""
"""The attributes of torch's modules, of graph modules and of scripted ones."""
_ARCH = "space requirements ends from_dict to_dict largest smallest sample depth blocks resolution"
_LOCAL = """self x nn torch arch choices block shortcut Tensor dataclass ClassVar divisible floor
islice min max round range zip"""
_DECLARING = "nn int float str tuple range ClassVar Any"
"""What the declarations of an arch are made of: a field of that name would stand in the way."""
RESERVED = frozenset(f"{_MODULE} {_LOCAL}".split()) | frozenset(keyword.kwlist)
RESERVED_CHOICES = frozenset(f"{_ARCH} {_DECLARING} self".split()) | frozenset(keyword.kwlist)
RESERVED_CLASSES = frozenset(("Supernet", "Arch", "Tensor", "ClassVar", "Any", *keyword.kwlist))


def identifier(name: str, reserved: frozenset[str] = RESERVED) -> str:
    """Return ``name`` as an attribute that hides nothing; of two names without dots, two.

    Python changes names that begin with two underscores where they stand in a class.
    """
    name = name.replace(".", "_")
    plain = name.rstrip("_")
    if plain in reserved or name in reserved or hasattr(object, name):
        name = f"{name}_"
    return f"n{name}" if re.match("n*__", name) else name


def camel(name: str) -> str:
    """Return ``mbconv_v2`` as ``MbconvV2``."""
    joined = "".join(part[:1].upper() + part[1:] for part in name.split("_") if part)
    return joined if joined[:1].isalpha() else f"Block{joined}"


def call(head: str, args: Iterable[str], indent: int, tail: str = ")") -> list[str]:
    """Return a call as lines of at most 100 columns, broken as a formatter breaks it.

    ``head`` ends with the opening bracket and ``tail`` begins with the closing one.
    """
    args = list(args)
    pad = " " * indent
    single = f"{pad}{head}{', '.join(args)}{tail}"
    if len(single) <= WIDTH:
        return [single]
    inner = f"{pad}    {', '.join(args)}"
    if len(inner) <= WIDTH:
        return [f"{pad}{head}", inner, f"{pad}{tail}"]
    lines = [f"{pad}{head}"]
    for arg in args:
        if indent + 5 + len(arg) > WIDTH and (named := _KEYWORD.match(arg)):
            lines += wrapped(arg[named.end() :], indent + 4, named[0], ",")
        else:
            lines.append(f"{pad}    {arg},")
    return [*lines, f"{pad}{tail}"]


_KEYWORD = re.compile(r"\w+=")


def spelt_literal(value: object) -> Code:
    """Return ``literal`` of a value, to be joined with other texts."""
    text = literal(value)
    return Code(text, SIGN) if text.startswith("-") else atom(text)


def literal(value: object) -> str:
    """Return a checked value as Python writes it, strings in double quotes."""
    if isinstance(value, str):
        assert value.isidentifier(), value
        return f'"{value}"'
    if isinstance(value, tuple):
        inner = ", ".join(literal(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    assert isinstance(value, int | float), value
    return repr(value)


def shown_path(path: str | Path) -> str:
    """Return how generated files name a source: relative to here, with forward slashes.

    It stands in comments, in docstrings and between quotes, so what could end one is a `?`.
    """
    shown = str(path)
    if not shown.startswith("prelude/"):
        relative = os.path.relpath(path)
        shown = Path(path).name if relative.startswith("..") else Path(relative).as_posix()
    return "".join(c if c.isprintable() and c not in _ENDING else "?" for c in shown)


_ENDING = '"\\'
