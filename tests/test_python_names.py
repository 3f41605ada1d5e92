"""Names of a user that become Python: every one that is accepted can be imported."""

from __future__ import annotations

import ast
import builtins
import keyword

import pytest

from ofadsl.commands.estimators import check_name
from ofadsl.compiler.pipeline import check_text
from ofadsl.diagnostics import Diagnostics

SPACE = """space {name} {{
  input image(channels: 3, size: 32)
  stem: conv({{8, 16}}); global_avg_pool
  head: linear(10)
}}
"""
ODD = (*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "__init__", "__pycache__", "_a")
WORDS = frozenset(name for name in ODD if name.isidentifier())


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_space_that_is_accepted_can_be_imported(name: str) -> None:
    try:
        check_text(SPACE.format(name=name))
    except Diagnostics as report:
        (item,) = report.items
        dunder = name.startswith("__") and name.endswith("__")
        assert item.code == "OFA001" or keyword.iskeyword(name) or dunder
        assert item.code in ("OFA001", "OFA032")
        return
    assert not name.startswith("__") or not name.endswith("__")
    ast.parse(f"import generated.{name}\nfrom generated.{name} import Arch")


@pytest.mark.parametrize("name", sorted({*map(str.lower, WORDS), "2080ti", "_", "9"}))
def test_a_device_that_is_accepted_can_be_imported(name: str) -> None:
    if keyword.iskeyword(name):
        with pytest.raises(Diagnostics, match=f"OFA130.*{name} is a word of Python"):
            check_name(name, "latency_ms")
    else:
        check_name(name, "latency_ms")
    ast.parse(f"from generated.digits import latency_{name}")


def test_the_repairs_that_are_advised_work() -> None:
    for name in keyword.kwlist:
        with pytest.raises(Diagnostics) as caught:
            check_name(name, "latency_ms")
        assert caught.value.items[0].help
        if name.islower():
            check_name(f"{name}_device", "latency_ms")
        check_text(SPACE.format(name=f"{name.lower()}_space"))
