"""An arch has one spelling: in the space, in generated costs and in the generated class."""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import pytest
from packages import OWN, SHIPPED, Compiled, compiled, compiled_file

from ofadsl.diagnostics import Diagnostics

SPACES = (*OWN, *SHIPPED)
OPTIONAL = ("convnext", "mixed", "nested")
"""Those with choices that matter to some subnets only."""


def spelt_out(space: Compiled, row: tuple[int, ...]) -> dict[str, Any]:
    """Return an arch as JSON with every choice that has a place, also where it does not matter."""
    found = space.checked.space
    values = found.values(row)
    form: dict[str, Any] = {"space": found.name, "stages": {}, "choices": {}}
    for stage in found.stages:
        form["stages"][stage.name] = {"blocks": [{} for _ in range(values[stage.depth.name])]}
    for dim in found.dims:
        value = values[dim.var.name]
        group: Any = form if dim.key == "resolution" else form["choices"]
        if dim.stage is not None:
            group = form["stages"][dim.stage]
            if dim.block is not None:
                group = group["blocks"][dim.block] if dim.block < group["depth"] else {}
        group[dim.key] = value
    for stage in {s.name for s in found.stages} - {d.stage for d in found.dims if d.block == 0}:
        del form["stages"][stage]["blocks"]
    return {key: value for key, value in form.items() if value != {}}


@pytest.mark.parametrize("name", SPACES)
def test_what_is_read_is_written_again_byte_by_byte(name: str) -> None:
    space = compiled(name)
    samples = space.checked.space.samples(random.Random(3))
    rows = [next(samples) for _ in range(20)]
    written = space.module.cost.decode(np.array(rows, np.uint8))
    for row, form in zip(rows, written, strict=True):
        text = json.dumps(form)
        assert json.dumps(space.checked.space.to_json(row)) == text
        assert json.dumps(space.module.Arch.from_dict(form).to_dict()) == text


@pytest.mark.parametrize("name", OPTIONAL)
def test_what_does_not_matter_makes_no_other_arch(name: str) -> None:
    space = compiled(name)
    rng = random.Random(4)
    for _ in range(200):
        row = tuple(rng.randrange(len(dim.var.values)) for dim in space.checked.space.dims)
        form = spelt_out(space, row)
        canonical = space.checked.space.to_json(row)
        arch, plain = (space.module.Arch.from_dict(f) for f in (form, canonical))
        assert (arch, hash(arch)) == (plain, hash(plain))
        assert arch.to_dict() == canonical
        (encoded,) = space.module.cost.encode([form])
        assert tuple(encoded.tolist()) == space.checked.space.canonical(row)
        assert space.module.cost.decode(np.array([row], np.uint8)) == [canonical]


def test_distinct_subnets_are_distinct_archs() -> None:
    space = compiled("nested")
    samples = space.checked.space.samples(random.Random(5))
    rows = {next(samples) for _ in range(200)}
    arch = space.module.Arch
    assert len({arch.from_dict(space.checked.space.to_json(row)) for row in rows}) == len(rows)


def test_a_group_may_be_held_by_archs_to_which_it_matters_and_others() -> None:
    arch = compiled("nested").module.Arch
    whole = arch.from_dict(arch.largest().to_dict() | {"choices": {"wide": 2, "extra.kernel": 3}})
    other = type(whole)(resolution=16, wide=1, s1=whole.s1, s2=whole.s2)
    assert whole.s1 == arch.largest().s1
    assert other.extra_kernel == 1


@pytest.mark.parametrize(
    ("place", "key", "path"),
    [
        (("choices",), "extra.kernel", "choices.extra.kernel"),
        (("stages", "s1"), "width", "stages.s1.width"),
        (("stages", "s1", "blocks", 1), "op", "stages.s1.blocks[1].op"),
    ],
)
def test_what_matters_and_is_missing_is_named(place: Any, key: str, path: str) -> None:
    arch = compiled("nested").module.Arch
    form = group = arch.largest().to_dict()
    for step in place:
        group = group[step]
    del group[key]
    with pytest.raises(Diagnostics) as caught:
        arch.from_dict(form)
    (item,) = caught.value
    assert (item.code, item.message) == ("OFA083", f"{path} is missing")
    assert item.help == f"this subnet decides it: add {key}"


def test_a_condition_longer_than_a_line_stays_on_it(tmp_path: Any) -> None:
    names = [f"a_rather_long_name_for_a_choice_{i}" for i in range(4)]
    choices = "\n".join(f"  choice {name} = {{8, 16}}" for name in names)
    convs = "; ".join(f"conv({name})" for name in names)
    text = f"""space long {{
      input image(channels: 3, size: 16)
      {choices}
      {convs}
      if {" + ".join(names)} == 64 {{ mix: conv(8, kernel: {{1, 3}}) }}
      pool: global_avg_pool
      head: linear(10)
    }}"""
    path = tmp_path / "long.ofa"
    path.write_text(text)
    arch = compiled_file(path).module.Arch
    assert arch.largest().to_dict()["choices"]["mix.kernel"] == 3
    assert "mix.kernel" not in arch.smallest().to_dict()["choices"]
