"""Reading archs from files, in our form and in foreign ones."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from ofadsl import choices as nn
from ofadsl.diagnostics import Diagnostics
from ofadsl.specialize.archs import decode, read_arch, read_json, space_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Block(nn.Choices):
    kernel: int = nn.one_of(3, 5, 7)
    expand: int = nn.one_of(3, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage(nn.Choices):
    depth: int = nn.one_of(1, 2)
    blocks: tuple[Block, ...] = nn.blocks_of(Block)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch(nn.Arch):
    space: ClassVar[str] = "ofa"
    resolution: int = nn.one_of(160, 192, 224)
    s1: Stage = nn.stage(Stage)  # noqa: RUF009
    s2: Stage = nn.stage(Stage)  # noqa: RUF009


OFA = {"ks": [3, 5, 7, 9], "e": [3, 6, 3, 0], "d": [2, 1], "r": 192}


def messages(data: object) -> list[str]:
    with pytest.raises(Diagnostics) as caught:
        decode(data, Arch)
    return [f"{item.code}: {item.message}" for item in caught.value]


def refused(text: str | bytes, folder: Path) -> str:
    path = folder / "arch.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Diagnostics) as caught:
        read_json(path)
    return str(caught.value)


def test_an_ofa_arch_fills_the_slots_in_use() -> None:
    found = decode(OFA, Arch)
    blocks = (Block(kernel=3, expand=3), Block(kernel=5, expand=6))
    last = Stage(depth=1, blocks=(Block(kernel=7, expand=3),))
    assert found.arch == Arch(resolution=192, s1=Stage(depth=2, blocks=blocks), s2=last)
    assert found.notes == ()


def test_the_resolution_of_an_ofa_arch_is_found_or_said() -> None:
    bare = {key: value for key, value in OFA.items() if key != "r"}
    assert decode({**bare, "r": [160]}, Arch).arch == decode({**bare, "r": 160}, Arch).arch
    assert decode(bare, Arch, resolution=160).arch == decode({**bare, "r": 160}, Arch).arch
    largest = decode(bare, Arch)
    assert largest.arch == decode({**bare, "r": 224}, Arch).arch
    assert largest.notes == ("the arch has no resolution r; 224, the largest, is used",)


def test_a_resolution_that_is_not_the_archs_is_refused() -> None:
    ours = decode(OFA, Arch).arch.to_dict()
    for named in (OFA, ours):
        assert decode(named, Arch, resolution=192).arch == decode(OFA, Arch).arch
        with pytest.raises(Diagnostics, match="OFA102"):
            decode(named, Arch, resolution=160)
    bare = {key: value for key, value in ours.items() if key != "resolution"}
    assert decode(bare, Arch, resolution=192).arch == decode(OFA, Arch).arch


def test_the_width_of_an_ofa_arch_is_ignored_aloud() -> None:
    assert decode({**OFA, "wid": None}, Arch).notes == ()
    (note,) = decode({**OFA, "wid": [0]}, Arch).notes
    assert note.startswith("wid is ignored")


def test_mistakes_in_an_ofa_arch_are_named_in_its_own_words() -> None:
    assert messages({**OFA, "ks": [3, 4, 7, 9], "r": 100}) == [
        "OFA080: ks[1] is 4, outside the space",
        "OFA080: r is 100, outside the space",
    ]
    assert messages({"ks": 3, "e": [3], "d": [2, 3], "x": 1, "r": 192}) == [
        "OFA082: x is no key of an OFA arch",
        "OFA081: ks is 3, not a list",
        "OFA084: e has 1 entries, but this space has 4 slots",
        "OFA080: d[1] is 3, outside the space",
    ]


def test_our_own_form_is_not_taken_for_a_foreign_one() -> None:
    arch = decode(OFA, Arch).arch
    assert decode(arch.to_dict(), Arch).arch == arch
    assert (space_of(arch.to_dict()), space_of(OFA), space_of([1])) == ("ofa", None, None)


def test_an_arch_is_read_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "arch.json").write_text(json.dumps(OFA))
    assert read_arch(tmp_path / "arch.json", Arch) == decode(OFA, Arch)


def test_bad_json_is_shown_with_its_place(tmp_path: Path) -> None:
    assert "arch.json:2:3" in refused("{\n  resolution: 224}", tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expecting value"),
        ('{"a": 1, "a": 2}', "a stands twice"),
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 10_000 + "}", "a number that is too long"),
        (b"\xff\xfe{}", "no UTF-8 text"),
    ],
)
def test_odd_json_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    assert said in refused(text, tmp_path)


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Diagnostics, match=r"OFA089.*no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(Diagnostics, match=r"OFA089.*is a directory"):
        read_json(tmp_path)
