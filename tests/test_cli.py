"""The command line: exit codes, JSON, what is written and what is not, and how little is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from conftest import REPOSITORY

from ofadsl.cli import COMMANDS, main

CONTEXT = click.Context(main)
SMALL = str(REPOSITORY / "tests/spaces/small.ofa")
BLOCKS = "block own(out) { conv(out); bn }\n"
WRONG = "space wrong {\n  input image(channels: 3, size: 32)\n  stem: conv(8, kernel: 4)\n}\n"


def run(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=text)


@pytest.fixture
def wrong(tmp_path: Path) -> Path:
    path = tmp_path / "wrong.ofa"
    path.write_text(WRONG)
    return path


def test_a_good_space_is_described() -> None:
    result = run("check", SMALL)
    assert result.exit_code == 0
    assert "space small" in result.stdout
    assert result.stderr == ""


def test_a_file_of_blocks_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "blocks.ofa"
    path.write_text(BLOCKS)
    result = run("check", str(path))
    assert result.exit_code == 0
    assert "no space" in result.stdout


def test_a_mistake_goes_to_stderr(wrong: Path) -> None:
    result = run("check", str(wrong))
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "error[OFA060]" in result.stderr


def test_one_wrong_file_of_two_fails(wrong: Path) -> None:
    result = run("check", SMALL, str(wrong))
    assert result.exit_code == 1
    assert "space small" in result.stdout
    assert "error[OFA060]" in result.stderr


def test_a_report_as_json(wrong: Path) -> None:
    result = run("check", str(wrong), SMALL, "--json")
    assert result.exit_code == 1
    data = json.loads(result.stdout)
    (found,) = data["diagnostics"]
    assert (found["code"], found["line"], found["text"]) == ("OFA060", 3, "4")
    assert data["spaces"] == [{"file": SMALL, "space": "small"}]


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["check"],
        ["check", SMALL, "--set", "width"],
        ["show", SMALL, "--epochs", "5"],
        ["sample", SMALL, "--seed", "-1"],
        ["compile"],
        ["sample", SMALL, "-n", "0"],
        ["specialize"],
    ],
)
def test_wrong_usage_is_exit_status_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_nothing_to_compare_is_no_success(tmp_path: Path) -> None:
    result = run("compile", "-o", str(tmp_path), "--check")
    assert result.exit_code == 1
    assert "holds no package" in result.stderr


def test_help_tells_each_command_to_the_end() -> None:
    text = " ".join(run("--help").stdout.split())
    for name in main.list_commands(CONTEXT):
        assert f"{name} {' '.join((command(name).help or '').split('.')[0].split())}" in text


def test_every_command_is_found_by_its_name() -> None:
    assert [command(name).name for name in COMMANDS] == list(COMMANDS)


def test_a_command_that_is_named_is_imported_alone() -> None:
    code = "import sys, ofadsl.cli as c; c.main(['check', '--help'], standalone_mode=False)"
    shown = "; print([m for m in sys.modules if m.startswith('ofadsl.cli.')])"
    done = subprocess.run([sys.executable, "-c", code + shown], capture_output=True, check=True)
    assert b"ofadsl.cli.checking" in done.stdout
    assert b"ofadsl.cli.training" not in done.stdout


def command(name: str) -> click.Command:
    found = main.get_command(CONTEXT, name)
    assert found is not None
    return found


@pytest.mark.parametrize("command", ["check", "show", "sample", "compile"])
def test_a_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    result = run(command, str(tmp_path / "none.ofa"))
    assert result.exit_code == 1
    assert "error[OFA012]" in result.stderr


def test_a_setting_that_the_space_has_not() -> None:
    result = run("check", SMALL, "--set", "widht=1.2")
    assert result.exit_code == 1
    assert "did you mean `width`?" in result.stderr


def test_nothing_is_written_on_a_mistake(wrong: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run("compile", str(wrong), "-o", str(out)).exit_code == 1
    assert not out.exists()


def test_stale_files_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a package remembers its source as it was named
    space = tmp_path / "small.ofa"
    space.write_text(Path(SMALL).read_text())
    assert run("compile", "small.ofa", "-o", "out", "--check").exit_code == 1
    assert not (tmp_path / "out").exists()
    assert run("compile", "small.ofa", "-o", "out").exit_code == 0
    assert run("compile", "small.ofa", "-o", "out", "--check").exit_code == 0
    assert run("compile", "-o", "out", "--check").exit_code == 0
    space.write_text(space.read_text().replace("{3, 5, 7}", "{3, 5}"))
    result = run("compile", "-o", "out", "--check")
    assert result.exit_code == 1
    assert "is stale" in result.stderr


def test_samples_are_archs_and_the_same_again() -> None:
    first = run("sample", SMALL, "--seed", "3")
    assert json.loads(first.stdout)["space"] == "small"
    assert run("sample", SMALL, "--seed", "3").stdout == first.stdout
    several = run("sample", SMALL, "-n", "5").stdout.splitlines()
    assert len([json.loads(line) for line in several]) == 5


def test_show_prints_text_json_and_the_graph() -> None:
    assert "s1" in run("show", SMALL).stdout
    assert json.loads(run("show", SMALL, "--json").stdout)
    assert "conv" in run("show", SMALL, "--ir").stdout


def test_a_drawing_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("show", SMALL, "--graph", str(tmp_path / "file" / "a.svg"))
    assert result.exit_code == 1
    assert "error[OFA099]" in result.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("check", "stopped\n"), ("train", "--resume"), ("measure", "the same command goes on")],
)
def test_who_interrupts_is_told_how_to_go_on(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command(name), "callback", interrupted)
    monkeypatch.setattr(command(name), "params", [])
    result = CliRunner().invoke(main, [name])
    assert result.exit_code == 130
    assert said in result.stderr


def test_fmt_reads_and_writes_the_terminal() -> None:
    result = run("fmt", "-", text="block a{bn;act( relu )}")
    assert result.exit_code == 0
    assert result.stdout == "block a { bn; act(relu) }\n"


def test_fmt_check_and_diff_write_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.ofa"
    path.write_text("block a{bn}")
    assert run("fmt", str(path), "--check").exit_code == 1
    assert "+block a { bn }" in run("fmt", str(path), "--diff").stdout
    assert path.read_text() == "block a{bn}"
    assert run("fmt", str(path)).exit_code == 0
    assert path.read_text() == "block a { bn }\n"
    assert run("fmt", str(path), "--check").exit_code == 0


def test_fmt_leaves_a_file_with_a_mistake_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.ofa"
    path.write_text("block a { bn")
    result = run("fmt", str(path))
    assert result.exit_code == 1
    assert "error[OFA004]" in result.stderr
    assert path.read_text() == "block a { bn"


def test_diff_says_what_differs() -> None:
    other = str(REPOSITORY / "tests/spaces/mixed.ofa")
    assert run("diff", SMALL, SMALL).exit_code == 0
    assert json.loads(run("diff", SMALL, other, "--json").stdout)["contains"] == [False, False]


def test_a_sampled_arch_is_specialised(tmp_path: Path) -> None:
    arch, out = tmp_path / "arch.json", tmp_path / "subnet"
    arch.write_text(run("sample", SMALL, "--seed", "1").stdout)
    result = run("specialize", "--arch", str(arch), "--space", SMALL, "-o", str(out))
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} >= {
        "subnet.py",
        "subnet.json",
        "weights.safetensors",
    }


def test_an_arch_outside_the_space_is_refused(tmp_path: Path) -> None:
    arch, out = tmp_path / "arch.json", tmp_path / "subnet"
    arch.write_text(run("sample", SMALL, "--seed", "1").stdout.replace("32", "33", 1))
    result = run("specialize", "--arch", str(arch), "--space", SMALL, "-o", str(out))
    assert result.exit_code == 1
    assert not out.exists()


LIGHT = """
import sys
from click.testing import CliRunner
from ofadsl.cli import main
result = CliRunner().invoke(main, sys.argv[1:], input="block a { bn }")
assert result.exit_code == 0, result.output
heavy = {"torch", "jinja2", "lark", "safetensors"} & set(sys.modules)
heavy |= {"numpy"} & set(sys.modules) if sys.argv[1] != "show" else set()  # it knows exact ends
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["check", SMALL], ["sample", SMALL], ["show", SMALL], ["fmt", "-"]],
    ids=lambda arguments: arguments[0],
)
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_pipe_gets_no_colours(wrong: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ofadsl", "check", str(wrong)],
        cwd=REPOSITORY,
        env={**os.environ, "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stderr
    assert "error[OFA060]" in done.stderr
