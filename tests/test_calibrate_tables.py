"""Device tables: every form is read whole, every malformed line is named."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import REPOSITORY

from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.read import read_table
from ofadsl.diagnostics import Diagnostics

DATA = REPOSITORY / "tests" / "data" / "device_tables"
HEADER = {"device": "d", "batch": 1, "dtype": "float32", "runtime": "eager", "date": "2026-01-01"}


@cache
def target(name: str) -> Target:
    settings = {"mbv3": {"width": "1.2"}, "fbnet": {"data": "cifar"}}[name]
    return target_of(REPOSITORY / "spaces" / f"{name}.ofa", settings, f"spaces/{name}.ofa")


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in rows))
    return path


def test_csv_of_ofa_is_joined_with_its_archs() -> None:
    table = read_table(DATA / "ofa_latency_v100_64.csv", target("mbv3"))
    assert len(table.y) == 120
    assert table.y[0] == 21.807122
    arch = target("mbv3").cost.decode(table.x[:1])[0]
    assert arch["resolution"] == 204
    assert [arch["stages"][f"s{i}"]["depth"] for i in range(1, 6)] == [2, 2, 2, 2, 3]
    assert arch["stages"]["s1"]["blocks"] == [
        {"kernel": 7, "expand": 6},
        {"kernel": 5, "expand": 4},
    ]


def test_csv_of_fbnet_is_joined_with_its_archs() -> None:
    table = read_table(DATA / "fbnet_latency_titanx_64.csv", target("fbnet"))
    assert len(table.y) == 300
    arch = target("fbnet").cost.decode(table.x[:1])[0]
    assert arch["stages"]["s1"]["blocks"] == [{"op": "k5_e6"}]


def test_native_tables_hold_archs_and_settings(tmp_path: Path) -> None:
    cost = target("mbv3").cost
    x = cost.sample(3, np.random.default_rng(0))
    rows = [{"arch": arch, "energy_mj": 2.5, "repeats": [2.4, 2.6]} for arch in cost.decode(x)]
    path = jsonl(tmp_path / "t.jsonl", HEADER, *rows)
    table = read_table(path, target("mbv3"), quantity="energy_mj")
    assert (table.x == x).all()
    assert table.y.tolist() == [2.5, 2.5, 2.5]
    assert table.settings["runtime"] == "eager"


ARCH = {"ops": [0] * 22}
BAD = [
    ('{"arch": 1', "OFA121", "2"),
    ("[]", "OFA121", "2"),
    ({"arch": ARCH}, "OFA121", "2"),
    ({"arch": ARCH, "latency_ms": -1}, "OFA123", "2"),
    ({"arch": ARCH, "latency_ms": True}, "OFA123", "2"),
    ('{"arch": {}, "latency_ms": NaN}', "OFA121", "2"),
    ({"arch": {"ops": [9] * 22}, "latency_ms": 1}, "OFA125", "2"),
    ({"arch": {"ops": [0]}, "latency_ms": 1}, "OFA125", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeats": "1"}, "OFA135", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeats": []}, "OFA135", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeats": [1, -1]}, "OFA135", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeats": [1, True]}, "OFA135", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeats": [2, 2.1]}, "OFA135", "2"),
    ({"arch": ARCH, "latency_ms": 1, "repeat": [1]}, "OFA136", "2"),
]


@pytest.mark.parametrize(("row", "code", "line"), BAD)
def test_a_malformed_line_is_named(tmp_path: Path, row: object, code: str, line: str) -> None:
    path = jsonl(tmp_path / "t.jsonl", HEADER, row)
    with pytest.raises(Diagnostics) as caught:
        read_table(path, target("fbnet"))
    (item,) = caught.value.items
    assert item.code == code
    assert f"t.jsonl:{line}" in str(caught.value)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"space": "mbv3"}, "OFA134"),
        ({"space": ["fbnet"]}, "OFA134"),
        ({"space": "fbnet", "space_hash": "0"}, "OFA134"),
        ({"batches": 2}, "OFA136"),
    ],
)
def test_a_header_of_another_space_is_refused(tmp_path: Path, more: Any, code: str) -> None:
    path = jsonl(tmp_path / "t.jsonl", HEADER | more, {"arch": ARCH, "latency_ms": 1})
    with pytest.raises(Diagnostics) as caught:
        read_table(path, target("fbnet"))
    (item,) = caught.value.items
    assert item.code == code
    assert "t.jsonl:1" in str(caught.value)


def test_what_measuring_writes_is_read(tmp_path: Path) -> None:
    head = HEADER | {"space": "fbnet", "space_hash": target("fbnet").hash, "threads": 1}
    own = {"repeats": [9, 10, 14], "reference_ms": 3.5, "when": 17.5}
    path = jsonl(tmp_path / "t.jsonl", head, {"arch": ARCH, "latency_ms": 10, **own})
    table = read_table(path, target("fbnet"))
    assert table.settings["threads"] == "1"
    assert table.noise is not None
    assert table.noise[0] == pytest.approx(1.4826 * 1 / 10 / 3**0.5)


def test_unsteady_repeats_are_told(tmp_path: Path) -> None:
    for spread, told in ((0.2, True), (0.01, False)):
        repeats = [10 * (1 - spread), 10, 10 * (1 + spread)]
        row = {"arch": ARCH, "latency_ms": 10, "repeats": repeats}
        table = read_table(jsonl(tmp_path / "t.jsonl", HEADER, row), target("fbnet"))
        assert any("unsteady" in text for text in table.warnings()) == told


def test_energy_in_a_csv_is_read_like_latency(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("idx,energy_mj\n0,7.5\n1,8\n")
    archs = DATA / "fbnet_archs.csv"
    table = read_table(path, target("fbnet"), archs=archs, quantity="energy_mj")
    assert table.quantity == "energy_mj"
    assert table.y.tolist() == [7.5, 8]
    with pytest.raises(Diagnostics, match="OFA126"):
        read_table(path, target("fbnet"), archs=archs)


def test_repeats_beside_energy_are_those_of_the_latency(tmp_path: Path) -> None:
    row = {"arch": ARCH, "latency_ms": 10, "energy_mj": 70, "repeats": [10, 10.1]}
    path = jsonl(tmp_path / "t.jsonl", HEADER, row)
    assert read_table(path, target("fbnet"), quantity="energy_mj").y.tolist() == [70]
    row["energy_mj"] = -1
    with pytest.raises(Diagnostics, match="energy_mj is -1"):
        read_table(jsonl(path, HEADER, row), target("fbnet"), quantity="energy_mj")


def test_a_table_says_under_which_settings_it_was_measured(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "t.jsonl", {"device": "d"}, {"arch": ARCH, "latency_ms": 1})
    with pytest.raises(Diagnostics) as caught:
        read_table(path, target("fbnet"))
    assert caught.value.items[0].code == "OFA122"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("idx,latency_ms\n0,x\n", "OFA123"),
        ("idx,latency_ms\n0,1,2\n", "OFA126"),
        (f"idx,latency_ms\n0,{'1' * 140_000}\n", "OFA126"),
        ("idx,ms\n0,1\n", "OFA126"),
        ("", "OFA126"),
        ("idx,latency_ms\n999,1\n", "OFA127"),
        ("idx,latency_ms\n0,1\n0,2\n", "OFA127"),
        ("idx,latency_ms\n", "OFA124"),
    ],
)
def test_a_malformed_csv_is_refused(tmp_path: Path, text: str, code: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(Diagnostics) as caught:
        read_table(path, target("fbnet"), archs=DATA / "fbnet_archs.csv")
    assert caught.value.items[0].code == code


def test_a_table_without_archs_or_of_another_form_is_refused(tmp_path: Path) -> None:
    for name, code in [("t_latency.csv", "OFA128"), ("t.xls", "OFA129"), ("no.jsonl", "OFA120")]:
        if code != "OFA120":
            (tmp_path / name).write_text("idx,latency_ms\n0,1\n")
        with pytest.raises(Diagnostics) as caught:
            read_table(tmp_path / name, target("fbnet"))
        assert caught.value.items[0].code == code
