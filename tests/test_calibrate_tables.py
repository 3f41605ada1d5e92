"""Device tables: every form is read whole, every malformed line is named."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

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
]


@pytest.mark.parametrize(("row", "code", "line"), BAD)
def test_a_malformed_line_is_named(tmp_path: Path, row: object, code: str, line: str) -> None:
    path = jsonl(tmp_path / "t.jsonl", HEADER, row)
    with pytest.raises(Diagnostics) as caught:
        read_table(path, target("fbnet"))
    (item,) = caught.value.items
    assert item.code == code
    assert f"t.jsonl:{line}" in str(caught.value)


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
