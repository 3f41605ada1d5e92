"""From a published checkpoint to a static subnet by the commands, equal to the reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from packages import ROOT
from references import check_reference
from test_supernet import GOLDEN, _fill

from ofadsl.cli import main

FOREIGN = {  # how published files spell the keys, where that is not as the code says
    "mbv3": lambda key: (
        key.replace(".conv.", ".mobile_inverted_conv.", 1) if key.startswith("blocks.") else key
    ),
    "attentive_nas": lambda key: f"module.{key}",
}


def run(*arguments: object) -> str:
    result = CliRunner().invoke(main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", GOLDEN)
def test_a_converted_and_specialised_subnet_gives_the_golden_logits(
    name: str, shared: Path, tmp_path: Path
) -> None:
    file, settings = GOLDEN[name]
    golden = json.loads((shared / "golden" / f"{file}.json").read_text())
    fill = _fill(shared / "golden")
    spell = FOREIGN.get(name, lambda key: key)
    state = {
        spell(key): torch.from_numpy(np.asarray(fill.tensor(key, tuple(shape))))
        for key, shape in golden["keys"].items()
    }
    torch.save({"state_dict": state}, tmp_path / "published.pth")
    space = ROOT / "spaces" / f"{name}.ofa"
    chosen = [part for setting in settings for part in ("--set", setting)]
    ours = tmp_path / "ours.safetensors"
    run("convert-weights", space, tmp_path / "published.pth", *chosen, "-o", ours)
    case = min(golden["cases"], key=lambda c: c["macs"])
    (tmp_path / "arch.json").write_text(json.dumps(case["arch"]))
    folder = tmp_path / "subnet"
    size = ("--resolution", case["resolution"])
    request = ("--arch", tmp_path / "arch.json", "--space", space, *chosen, *size)
    output = run("specialize", *request, "--weights", ours, "-o", folder, "--no-fold-bn")
    assert "equal to the supernet, bit for bit" in output
    record = json.loads((folder / "subnet.json").read_text())
    assert (record["params"], record["macs"]) == (case["params"], case["macs"])
    check_reference(load(folder), torch.from_numpy(fill.image(2, case["resolution"])), case=case)


def load(folder: Path) -> Any:
    scope: dict[str, Any] = {"__name__": "subnet", "__file__": str(folder / "subnet.py")}
    exec(compile((folder / "subnet.py").read_text(), scope["__file__"], "exec"), scope)
    return scope["load"]()
