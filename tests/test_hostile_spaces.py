"""Spaces made to break the checker are refused, soon and with little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY
from hostile_spaces import CASES

from ofadsl.compiler.pipeline import check_file
from ofadsl.diagnostics import Diagnostics

SPACE = "space a {\n  input image(channels: 3, size: 32)\n  conv(8)\n}\n"
LIMITED = """
import resource, sys
sys.path[:0] = {path!r}
resource.setrlimit(resource.RLIMIT_AS, (200 << 20, 200 << 20))
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
import hostile_spaces
hostile_spaces.run({name!r})
"""


@pytest.mark.parametrize("name", CASES)
def test_a_hostile_space_is_refused_in_five_seconds_and_200_megabytes(name: str) -> None:
    path = [str(REPOSITORY / "tests"), str(REPOSITORY)]
    command = [sys.executable, "-c", LIMITED.format(path=path, name=name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def refused(path: Path) -> list[str]:
    with pytest.raises(Diagnostics) as report:
        check_file(path)
    return [f"{item.code} {item.label}" for item in report.value]


@pytest.mark.parametrize("path", ["../b.ofa", "/etc/passwd", "inner/../../b.ofa", "link.ofa"])
def test_an_import_stays_in_the_folder(tmp_path: Path, path: str) -> None:
    (tmp_path / "b.ofa").write_text("block b(out) { conv(out) }\n")
    folder = tmp_path / "spaces"
    folder.mkdir()
    (folder / "link.ofa").symlink_to(tmp_path / "b.ofa")
    (folder / "a.ofa").write_text(f'import "{path}"\n{SPACE}')
    assert refused(folder / "a.ofa") == ["OFA027 this leaves the folder"]


def test_imports_in_a_circle_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ofa").write_text(f'import "b.ofa"\n{SPACE}')
    (tmp_path / "b.ofa").write_text('import "c.ofa"\n')
    (tmp_path / "c.ofa").write_text('import "b.ofa"\n')
    names = " -> ".join(str(tmp_path / name) for name in ("a.ofa", "b.ofa", "c.ofa", "b.ofa"))
    assert refused(tmp_path / "a.ofa") == [f"OFA027 {names}"]


def test_a_file_that_imports_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.ofa").write_text(f'import "a.ofa"\n{SPACE}')
    assert [line[:6] for line in refused(tmp_path / "a.ofa")] == ["OFA027"]


@pytest.mark.parametrize("name", ["x" * 5000, "loop.ofa", "pipe.ofa", "folder", "missing.ofa"])
def test_an_import_of_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.ofa").symlink_to("loop.ofa")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.ofa")
    (tmp_path / "a.ofa").write_text(f'import "{name}"\n{SPACE}')
    assert refused(tmp_path / "a.ofa")[0][:6] in ("OFA027", "OFA015")


def test_at_most_64_files_are_read(tmp_path: Path) -> None:
    for i in range(100):
        (tmp_path / f"b{i}.ofa").write_text(f'import "b{i + 1}.ofa"\n')
    (tmp_path / "a.ofa").write_text(f'import "b0.ofa"\n{SPACE}')
    assert refused(tmp_path / "a.ofa") == ["OFA027 "]


def test_what_a_missing_file_would_have_brought_is_not_missed(tmp_path: Path) -> None:
    text = SPACE.replace("conv(8)", "mine(8)\n  conv(8, kernel: 2)")
    (tmp_path / "a.ofa").write_text(f'import "missing.ofa"\n{text}')
    assert [line[:6] for line in refused(tmp_path / "a.ofa")] == ["OFA027", "OFA060"]
