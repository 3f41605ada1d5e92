"""From a path to a source text: the checks on bytes, before anything looks at characters."""

from __future__ import annotations

import os
from pathlib import Path

from ofadsl.diagnostics import Source, Span, fault

LIMIT = 1 << 20  # bytes; the largest space at hand has 6 thousand


def read_source(path: str | Path) -> Source:
    """Return the text of the file at ``path``, which is shown to the user as it is given here."""
    try:
        # Reading, not asking for the size: a device or a pipe has none.
        with open(path, "rb") as file:
            data = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise fault("OFA012", f"`{path}` cannot be read: {reason.lower()}") from error
    if len(data) > LIMIT:
        raise fault(
            "OFA009",
            f"`{path}` is larger than {LIMIT // 1024} KiB",
            help="divide it: `import` brings in the blocks of other files",
        )
    return decode(data, path=os.fspath(path))


def decode(data: bytes, *, path: str) -> Source:
    """Return ``data`` as a text, or say where it is no UTF-8."""
    try:
        return Source(path=path, text=data.decode("utf-8").removeprefix("\ufeff"))
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8").removeprefix("\ufeff")
        source = Source(path=path, text=before + data[error.start :].decode("utf-8", "replace"))
        raise fault(
            "OFA010",
            "the file is not UTF-8 text",
            span=Span(source=source, start=len(before), end=len(before) + 1),
            label=f"the byte 0x{data[error.start]:02x}",
            help="save it as UTF-8",
        ) from error
