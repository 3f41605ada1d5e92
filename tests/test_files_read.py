"""Files without an end are refused, with the memory that a file may take and no more."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from ofadsl import files
from ofadsl.diagnostics import Diagnostics
from ofadsl.files import read_whole
from ofadsl.specialize.archs import read_json

ENDLESS = Path("/dev/zero")


@pytest.mark.skipif(not ENDLESS.exists(), reason="there is no device without an end here")
def test_a_device_without_an_end_is_no_arch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST", 1 << 16)
    with pytest.raises(Diagnostics, match="cannot be read: file too large"):
        read_json(ENDLESS)


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"{}",))
    writer.start()
    assert read_whole(pipe) == b"{}"
    writer.join()


def test_a_file_of_the_largest_size_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "LARGEST", 4)
    path = tmp_path / "file"
    path.write_bytes(b"1234")
    assert read_whole(path) == b"1234"
    path.write_bytes(b"12345")
    with pytest.raises(OSError, match="File too large"):
        read_whole(path)
