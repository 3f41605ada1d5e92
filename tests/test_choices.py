"""Archs: what they accept, what they refuse and how they say it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from packages import compiled_file
from small_supernet import S1, S2, Arch, MbconvChoices

from ofadsl.diagnostics import Diagnostics

NARROW = """
space narrow {
  input image(channels: 3, size: 16)
  choice a = {8, 16, 24}
  choice b = {8, 16, 24}
  stem: conv(a); conv(b)
  pool: global_avg_pool
  head: linear(10)
  require a < b
}
"""


def form(**changes: Any) -> dict[str, Any]:
    stages = {
        "s1": {"depth": 2, "blocks": [{"kernel": 3, "expand": 2}, {"kernel": 7, "expand": 3}]},
        "s2": {"depth": 0, "width": 8, "blocks": []},
    }
    whole = {"space": "small", "resolution": 32, "stages": stages, "choices": {"stem.out": 16}}
    return {**whole, **changes}


def report(data: object) -> list[tuple[str, str, str]]:
    with pytest.raises(Diagnostics) as caught:
        Arch.from_dict(data)
    return [(item.code, item.message, item.help) for item in caught.value]


def test_the_native_form_is_read_and_written() -> None:
    arch = Arch.from_dict(form())
    assert arch.s1.blocks[1].kernel == 7
    assert arch.stem == 16
    assert arch.to_dict() == form()


def test_random_archs_survive_the_round_trip() -> None:
    rng = random.Random(0)
    for _ in range(50):
        arch = Arch.sample(rng)
        again = Arch.from_dict(arch.to_dict())
        assert arch == again
        assert hash(arch) == hash(again)


def test_largest_and_smallest_are_the_ends() -> None:
    largest, smallest = Arch.largest(), Arch.smallest()
    assert (largest.resolution, largest.s1.depth, largest.s1.blocks[0].kernel) == (40, 2, 7)
    assert (smallest.resolution, smallest.s2.depth, smallest.s2.blocks) == (24, 0, ())


def test_the_ends_are_those_that_requirements_allow(tmp_path: Path) -> None:
    path = tmp_path / "narrow.ofa"
    path.write_text(NARROW)
    arch = compiled_file(path).module.Arch
    assert arch.smallest().to_dict()["choices"] == {"a": 8, "b": 16}
    assert arch.largest().to_dict()["choices"] == {"a": 16, "b": 24}


def test_a_value_outside_the_space_is_named_with_the_nearest() -> None:
    data = form()
    data["stages"]["s1"]["blocks"][1]["kernel"] = 4
    assert report(data) == [
        (
            "OFA080",
            "stages.s1.blocks[1].kernel is 4, outside the space",
            "kernel is one of 3, 5, 7; nearest: 3 or 5",
        )
    ]


def test_a_ladder_is_told_by_its_ends() -> None:
    ((code, message, help),) = report(form(resolution=33))
    assert (code, message) == ("OFA080", "resolution is 33, outside the space")
    assert help == "resolution is one of 24, 28, 32, 36, 40; nearest: 32 or 36"


def test_an_integral_float_is_an_int() -> None:
    arch = Arch.from_dict(form(resolution=32.0))
    assert type(arch.resolution) is int


@pytest.mark.parametrize("value", [True, "32", None, [], {}, 32.5, float("nan"), 1e400])
def test_what_is_no_allowed_whole_number_is_refused(value: object) -> None:
    ((code, message, _),) = report(form(resolution=value))
    assert code in ("OFA080", "OFA081")
    assert message.startswith("resolution is ")


def test_an_unknown_key_gets_the_nearest_name() -> None:
    found = report({**form(), "resolutoin": 32})
    assert found == [("OFA082", "resolutoin is no key of this space", "did you mean resolution?")]


def test_missing_keys_are_named_with_their_place() -> None:
    data = form(choices={})
    del data["stages"]["s1"]["blocks"][0]["expand"]
    assert [item[:2] for item in report(data)] == [
        ("OFA083", "stages.s1.blocks[0].expand is missing"),
        ("OFA083", "choices.stem.out is missing"),
    ]


def test_depth_and_blocks_must_agree() -> None:
    data = form()
    data["stages"]["s1"]["depth"] = 1
    ((code, message, help),) = report(data)
    assert (code, message) == ("OFA084", "stages.s1 has 2 blocks, but depth 1")
    assert help == "list 1 block, or set depth to 2"


def test_a_requirement_of_the_space_is_shown() -> None:
    data = form()
    block = {"kernel": 3, "expand": 2}
    data["stages"]["s1"] = {"depth": 1, "blocks": [block]}
    data["stages"]["s2"] = {"depth": 2, "width": 8, "blocks": [block, block]}
    assert report(data)[0][:2] == ("OFA085", "the space requires s2.depth <= s1.depth")


def test_another_space_is_refused() -> None:
    ((code, message, _),) = report(form(space="large"))
    assert (code, message) == ("OFA086", "the arch is of the space 'large', not small")


@pytest.mark.parametrize("data", [None, 3, "arch", [form()], [[[[]]]]])
def test_what_is_no_mapping_is_refused(data: object) -> None:
    assert report(data)[0][0] == "OFA087"


def test_all_mistakes_come_at_once_and_in_order() -> None:
    data = form(resolution=1, choices={"stem.out": 9})
    data["stages"]["s1"]["blocks"] = [3, {"kernel": 5, "expand": 9}]
    assert [item[0] for item in report(data)] == ["OFA080", "OFA087", "OFA080", "OFA080"]


def test_junk_makes_a_short_report() -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    data = form(choices={f"k{i}": deep for i in range(10_000)}, resolution=deep)
    data["stages"]["s1"]["blocks"] = [deep] * 100_000
    found = report(data)
    assert len(found) < 30
    assert all(len(text) < 300 for item in found for text in item)


def test_an_arch_made_in_python_is_checked_too() -> None:
    with pytest.raises(Diagnostics, match="kernel is 4, outside the space"):
        MbconvChoices(kernel=4, expand=2)
    block = MbconvChoices(kernel=3, expand=2)
    with pytest.raises(Diagnostics, match="the stage has 1 block, but depth 2"):
        S1(depth=2, blocks=(block,))
    stage = S1(depth=1, blocks=(block,))
    with pytest.raises(Diagnostics, match=r"s2 is .*, not a S2"):
        Arch(resolution=32, stem=8, s1=stage, s2=stage)  # type: ignore[arg-type]
    assert Arch(resolution=32, stem=8, s1=stage, s2=S2(depth=0, width=8, blocks=())).stem == 8
