"""A disk that is full and a pipe that is closed end every command in a line, with nothing left."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from conftest import REPOSITORY

from ofadsl.cli import COMMANDS, main

resource = pytest.importorskip("resource")  # where a full disk can be played
SPACE = str(REPOSITORY / "spaces" / "digits.ofa")
SMALL = str(REPOSITORY / "tests" / "spaces" / "small.ofa")
READING = {
    "help": "--help",
    "version": "--version",
    "check": f"check {SPACE}",
    "check as JSON": f"check {SPACE} --json",
    "show": f"show {SPACE}",
    "show as JSON": f"show {SPACE} --json",
    "show the graph": f"show {SPACE} --ir",
    "show a schedule": f"show {SPACE} --schedule progressive",
    "fmt": "fmt --diff {work}/old.ofa",
    "diff": f"diff {SPACE} {SMALL}",
    "sample": f"sample {SPACE} -n 3",
    "compile --check": f"compile {SPACE} --check -o {REPOSITORY / 'generated'}",
    "predict": f"predict {SPACE} --device here --arch {{work}}/arch.json --generated {{work}}",
}
"""Commands that print, and write nothing."""
OLD = Path(SPACE).read_text(encoding="utf-8").replace("(", "(  ")
WEIGHTS = "--weights {work}/weights.safetensors"
EVALUATE = f"evaluate {SPACE} {WEIGHTS} --data digits --limit 64 --archs sample:2"
SEARCH = f"search {SPACE} --minimize macs --where 'params <= 20k'"
WRITING = {
    "show": f"show {SPACE} --graph {{out}}/a.svg",
    "fmt": "fmt {out}/old.ofa",
    "compile": f"compile {SPACE} -o {{out}}",
    "train": f"train {SPACE} --data digits --epochs 1 --limit 64 --batch 32 -o {{out}}/run",
    "specialize": f"specialize --arch {{work}}/arch.json --space {SPACE} -o {{out}}/subnet",
    "convert-weights": f"convert-weights {SPACE} {{work}}/weights.safetensors -o {{out}}/a.pt",
    "evaluate": f"{EVALUATE} -o {{out}}/a.jsonl",
    "fit-accuracy": f"fit-accuracy {SPACE} {{work}}/evals.jsonl -o {{out}}/a.npz",
    "measure": f"measure {SPACE} -n 2 -o {{out}}/a.jsonl",
    "calibrate": f"calibrate {SPACE} --datasheet v100 --name here -o {{out}}",
    "search": f"{SEARCH} -o {{out}}/front",
    "deploy-plan": f"deploy-plan {SPACE} --devices {{work}}/devices.toml -o {{out}}/plan",
    "verify": f"verify {{work}}/front -n 1 {WEIGHTS} --data digits",
    "bundle": f"bundle {{work}}/front -k 2 {WEIGHTS} -o {{out}}/bundle",
    "export": "export {work}/subnet --format torch-export -o {out}/a.pt2",
    "quantize": "quantize {work}/subnet --data digits -o {out}/q",
}
SLOW = {"measure": (0, 3000), "quantize": (3000,)}
LIMITS = (0, 3000, 30_000)
"""Bytes of a file, beyond which the disk is full; packages of the space fit into the last."""
KEPT = {"evaluate": "a.jsonl", "measure": "a.jsonl"}
"""What holds each result from when it was found on."""


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what commands read: weights, evaluations, a front, a subnet."""
    folder = tmp_path_factory.mktemp("work")

    def make(command: str) -> str:
        result = run(command, folder, folder)
        assert result.exit_code == 0, result.output
        return result.stdout

    make(WRITING["train"])
    os.link(folder / "run" / "weights.safetensors", folder / "weights.safetensors")
    make(EVALUATE.replace("sample:2", "sample:12") + " -o {out}/evals.jsonl")
    (folder / "arch.json").write_text(make(f"sample {SPACE}"))
    for name in ("search", "specialize", "calibrate"):
        make(WRITING[name])
    (folder / "old.ofa").write_text(OLD)
    (folder / "devices.toml").write_text('minimize = "params"\n[device.a]\nwhere = "macs <= 3M"\n')
    return folder


def words(command: str, work: Path, out: Path) -> list[str]:
    return shlex.split(command.format(work=work, out=out))


def run(command: str, work: Path, out: Path) -> Result:
    return CliRunner().invoke(main, words(command, work, out), catch_exceptions=False)


@contextlib.contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Refuse to write a file beyond so many bytes, as a disk does that is full.

    Python writes no bytecode meanwhile: it would leave half of it, and trip over that later.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = written


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_command_that_writes_is_here() -> None:
    reading = {command.split()[0] for command in READING.values()}
    assert {*WRITING} | reading >= {*COMMANDS}


@pytest.mark.parametrize(
    ("name", "size"), [(name, size) for name in WRITING for size in SLOW.get(name, LIMITS)]
)
def test_a_full_disk_ends_a_command_in_a_line(
    name: str, size: int, work: Path, tmp_path: Path
) -> None:
    (tmp_path / "old.ofa").write_text(OLD)
    there = files(tmp_path), files(work)
    with files_end_at(size):
        result = run(WRITING[name], work, tmp_path)
    if result.exit_code == 0:  # all that it writes is smaller
        assert size > 0
        return
    assert result.exit_code == 1
    assert result.stderr.count("error[") == 1
    assert re.search(r"error\[OFA(099|203)\]: .*(file too large|no usable temp)", result.stderr)
    left = files(tmp_path)
    for line in left.pop(KEPT.get(name, ""), b"").decode().splitlines():
        json.loads(line)
    if name == "train":
        left = {path: data for path, data in left.items() if not path.startswith("run/")}
    assert (left, files(work)) == there


@pytest.mark.parametrize("name", READING)
def test_an_output_that_is_full_ends_a_command_in_a_line(
    name: str, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open("/dev/full", "w") as full, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", full)
        with pytest.raises(SystemExit) as ended:
            main(words(READING[name], work, work))
    assert ended.value.code == 1
    line, help = capsys.readouterr().err.splitlines()
    assert line == "error[OFA099]: the output cannot be written: no space left on device"
    assert help == "  = help: make room where the output goes, or send it elsewhere"


@pytest.mark.parametrize("name", READING)
def test_who_closes_the_pipe_is_told_nothing(
    name: str, work: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = os.pipe()
    os.close(source)
    with contextlib.suppress(BrokenPipeError), open(target, "w") as closed:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", closed)
            with pytest.raises(SystemExit) as ended:
                main(words(READING[name], work, work))
    assert ended.value.code == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("arguments", [["check", SPACE], ["--help"], ["sample", SPACE]])
@pytest.mark.parametrize(
    ("redirection", "said", "code"),
    [
        (">/dev/full", "error[OFA099]: the output cannot be written: no space left on device", 1),
        (">/dev/full 2>&1", "", 1),
        (">&- 2>&-", "", 0),
    ],
)
def test_a_process_ends_as_its_command_does(
    arguments: list[str], redirection: str, said: str, code: int
) -> None:
    command = f"{shlex.join([sys.executable, '-m', 'ofadsl', *arguments])} {redirection}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=REPOSITORY)
    assert done.stderr.partition("\n")[0] == said
    assert (done.stdout, done.returncode) == ("", code)
