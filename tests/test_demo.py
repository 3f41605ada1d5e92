"""The demo goes the whole road, here with a supernet that hardly trains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from conftest import REPOSITORY

WRITTEN = (
    "generated/mbv3/supernet.py",
    "generated/digits/latency_here.py",
    "run/weights.safetensors",
    "evals.jsonl",
    "predictor.npz",
    "here.jsonl",
    "front/report.html",
    "front/verified.json",
    "subnet/subnet.py",
    "subnet.onnx",
    "bundle/bundle.json",
)


def test_the_whole_road_writes_below_one_folder(tmp_path: Path) -> None:
    command = [sys.executable, "examples/demo.py", "--quick", str(tmp_path / "demo")]
    done = subprocess.run(
        command, cwd=REPOSITORY, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert {file for file in WRITTEN if (tmp_path / "demo" / file).is_file()} == set(WRITTEN)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    verified = json.loads((tmp_path / "demo/front/verified.json").read_text())
    assert {one["name"] for one in verified["checked"]} == {"accuracy", "latency[here]"}
    assert f"{tmp_path}/demo/front/report.html" in done.stdout
