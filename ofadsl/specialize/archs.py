"""Read the arch of a subnet from a JSON file, in our form or a foreign one.

In: a path, and the Arch class of a space. Out: an arch, and notes for the user; Diagnostics that
name each mistake. No torch import: a wrong arch is reported before anything slow is loaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ofadsl.choices import Arch
from ofadsl.diagnostics import Source, Span, fault
from ofadsl.files import read_whole
from ofadsl.specialize.interop import FAMILIES, Decoded


def read_arch(path: Path, arch: type[Arch], *, resolution: int | None = None) -> Decoded:
    """Return the arch in the file; ``resolution`` is for foreign ones that name none."""
    return decode(read_json(path), arch, resolution=resolution)


def decode(data: object, arch: type[Arch], *, resolution: int | None = None) -> Decoded:
    """Return the arch that ``data``, as read from JSON, describes.

    OFA102 where it names a resolution, and ``resolution`` is another.
    """
    decoded = _decoded(data, arch, resolution)
    found = getattr(decoded.arch, "resolution", None)
    if resolution is not None and found != resolution:
        message = f"the arch has the resolution {found}, --resolution says {resolution}"
        help = "leave out --resolution, or change the arch"
        raise fault("OFA102", message, help=help)
    return decoded


def _decoded(data: object, arch: type[Arch], resolution: int | None) -> Decoded:
    if isinstance(data, Mapping):
        for family in FAMILIES:
            if family.is_arch(data.keys()):
                family.check_space(arch)
                return family.decode(data, arch, resolution)
        if resolution is not None and "resolution" not in data:
            data = {**data, "resolution": resolution}
    return Decoded(arch=arch.from_dict(data))


def space_of(data: object) -> str | None:
    """Return the space that an arch names; foreign encodings name none."""
    name = data.get("space") if isinstance(data, Mapping) else None
    return name if isinstance(name, str) else None


def read_json(path: Path) -> object:
    """Return what the file holds; it is refused where two readers may see different things."""
    try:
        text = read_whole(path).decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        message = f"the arch {path} cannot be read: {reason}"
        raise fault("OFA089", message, help="give the path of a JSON file") from error
    except UnicodeDecodeError as error:
        raise fault("OFA088", f"{path} is no UTF-8 text", help=_JSON) from error
    source = Source(path=str(path), text=text)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        end = min(error.pos + 1, len(text))
        place = Span(source=source, start=min(error.pos, end), end=end)
        found = error.msg[:1].lower() + error.msg[1:]
        raise fault("OFA088", "this is not JSON", span=place, label=found, help=_JSON) from error
    except _RefusedError as error:
        span = _find(source, error.word)
        message = f"{path}: {error.found}" if span is None else error.rule
        raise fault("OFA088", message, span=span, label=error.found, help=error.help) from error
    except RecursionError as error:
        raise fault("OFA088", f"{path} is nested too deeply for an arch", help=_JSON) from error
    except ValueError as error:  # an int of more digits than python reads
        raise fault("OFA088", f"{path} holds a number that is too long", help=_JSON) from error


_JSON = "an arch is a JSON file; `ofadsl show` tells what a space allows"


class _RefusedError(Exception):
    """JSON that python reads and the standard does not, or does not define."""

    def __init__(self, word: str, *, rule: str, found: str, help: str) -> None:
        super().__init__(word)
        self.word, self.rule, self.found, self.help = word, rule, found, help


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values: dict[str, object] = {}
    for key, value in pairs:
        if key in values:
            found = f"{key[:80]} stands twice"
            rule = "a key stands once in a mapping"
            raise _RefusedError(json.dumps(key), rule=rule, found=found, help="keep one of them")
        values[key] = value
    return values


def _no_number(word: str) -> object:
    rule, found = "a number of an arch is finite", f"{word} is no JSON number"
    raise _RefusedError(word, rule=rule, found=found, help="write a number")


def _find(source: Source, word: str) -> Span | None:
    """Return the last place of ``word``: the second of two, where it stands twice."""
    start = source.text.rfind(word)
    return None if start < 0 else Span(source=source, start=start, end=start + len(word))
