"""What is imported is a file of the same folder; what is missing makes no further errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ofadsl.compiler.pipeline import check_file
from ofadsl.diagnostics import Diagnostics

SPACE = "space a {\n  input image(channels: 3, size: 32)\n  conv(8)\n}\n"


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


def test_the_circle_of_imports_is_shown(tmp_path: Path) -> None:
    (tmp_path / "a.ofa").write_text(f'import "b.ofa"\n{SPACE}')
    (tmp_path / "b.ofa").write_text('import "c.ofa"\n')
    (tmp_path / "c.ofa").write_text('import "b.ofa"\n')
    names = " -> ".join(str(tmp_path / name) for name in ("a.ofa", "b.ofa", "c.ofa", "b.ofa"))
    assert refused(tmp_path / "a.ofa") == [f"OFA027 {names}"]


@pytest.mark.parametrize("name", ["x" * 200, "loop.ofa", "pipe.ofa", "folder", "missing.ofa"])
def test_an_import_of_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loop.ofa").symlink_to("loop.ofa")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe.ofa")
    (tmp_path / "a.ofa").write_text(f'import "{name}"\n{SPACE}')
    assert [line[:6] for line in refused(tmp_path / "a.ofa")] == ["OFA027"]


def test_what_a_missing_file_would_have_brought_is_not_missed(tmp_path: Path) -> None:
    text = SPACE.replace("conv(8)", "mine(8)\n  conv(8, kernel: 2)")
    (tmp_path / "a.ofa").write_text(f'import "missing.ofa"\n{text}')
    assert [line[:6] for line in refused(tmp_path / "a.ofa")] == ["OFA027", "OFA060"]


def test_a_block_of_another_file_is_used(tmp_path: Path) -> None:
    (tmp_path / "blocks.ofa").write_text("block mine(out) { conv(out); bn; act(relu) }\n")
    text = SPACE.replace("conv(8)", "mine({8, 16})")
    (tmp_path / "a.ofa").write_text(f'import "blocks.ofa"\n{text}')
    checked = check_file(tmp_path / "a.ofa")
    assert checked is not None
    assert checked.space.size() == 2
