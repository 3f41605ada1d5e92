"""A plan: which devices a supernet is for, and what each allows. Read from a small TOML file.

    accuracy = "predictor.npz"                # what all devices share

    [device.phone]
    minimize = ["latency[pixel]"]
    where = ["latency[pixel] <= 20 ms"]

    [device.microcontroller]
    dtype = "int8"
    where = ["peak_memory <= 256 kB", "weight_bytes <= 500 kB"]
    fix = ["resolution=96"]

Out: for each device what `ofadsl search` would be asked. A key that stands in no device is the
value of all devices that do not say their own.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from ofadsl.diagnostics import Diagnostic, Diagnostics, Source, Span, fault

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_LISTS = ("maximize", "minimize", "where", "fix")
_TEXTS = {"accuracy": None, "metric": None, "dtype": ("int8", "fp16", "fp32")}
_NUMBERS = ("population", "generations", "seed")
_FLAGS = ("confident",)
_KNOWN = (*_LISTS, *_TEXTS, *_NUMBERS, *_FLAGS)
_LARGEST = 1 << 20  # bytes of a plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What one device is searched for, in the words of `ofadsl search`."""

    name: str
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Of ``maximize``, ``minimize``, ``where`` and ``fix``, those that are said."""
    texts: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, int] = field(default_factory=dict)
    confident: bool = False


def read_plan(path: Path) -> tuple[Wish, ...]:
    """Return the devices of a plan; raise Diagnostics (OFA240) for all that is wrong with it."""
    try:
        data = path.read_bytes()[: _LARGEST + 1]
        if len(data) > _LARGEST:
            raise fault("OFA240", f"{path} is too large for a plan")
        text = data.decode("utf-8")
        said = tomllib.loads(text)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise fault("OFA240", f"the plan {path} cannot be read: {reason}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        help = "write it as [device.phone] and where = [...]"
        raise fault("OFA240", f"{path} is no TOML: {str(error)[:120]}", help=help) from error
    reading = _Reading(Source(path=str(path), text=text))
    devices = said.pop("device", {})
    shared = reading.wish("", said, None)
    if not isinstance(devices, dict) or not devices:
        help = "begin one with [device.phone]"
        nothing = Diagnostic(code="OFA240", message=f"{path} names no device", help=help)
        raise Diagnostics([*reading.found, nothing])
    wishes = tuple(reading.device(name, found, shared) for name, found in devices.items())
    if reading.found:
        raise Diagnostics(reading.found)
    return wishes


class _Reading:
    """A plan while it is read, and the mistakes found so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.place = 0
        """Where the table begins that is read."""

    def device(self, name: str, said: object, shared: Wish) -> Wish:
        head = re.search(rf"^[ \t]*\[.*{re.escape(name)}", self.source.text, re.MULTILINE)
        self.place = head.start() if head else 0
        if not _NAME.fullmatch(name):
            self.reject(name, "a device is named by letters, digits, _ and -", name)
        if not isinstance(said, dict):
            self.reject(name, "a device is a table", f"`{name[:40]}` is not")
            return shared
        return self.wish(name, said, shared)

    def wish(self, name: str, said: Mapping[str, object], shared: Wish | None) -> Wish:
        lists = dict(shared.lists) if shared else {}
        texts = dict(shared.texts) if shared else {}
        numbers = dict(shared.numbers) if shared else {}
        confident = shared.confident if shared else False
        for key, value in said.items():
            if key in _LISTS:
                lists[key] = self.texts_of(key, value)
            elif key in _TEXTS:
                texts[key] = self.text_of(key, value)
            elif key in _NUMBERS:
                numbers[key] = self.number_of(key, value)
            elif key in _FLAGS:
                confident = self.flag_of(key, value)
            else:
                near = get_close_matches(key, _KNOWN, 1)
                known = f"known are {', '.join(_KNOWN)}"
                help = f"did you mean `{near[0]}`?" if near else known
                self.reject(key, "a plan says what a search is asked", "unknown", help)
        return Wish(name=name, lists=lists, texts=texts, numbers=numbers, confident=confident)

    def texts_of(self, key: str, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            return (value,)
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        self.reject(key, f"{key} is a list of texts", "this is not")
        return ()

    def text_of(self, key: str, value: object) -> str:
        allowed = _TEXTS[key]
        if isinstance(value, str) and (allowed is None or value in allowed):
            return value
        what = "a text" if allowed is None else f"one of {', '.join(allowed)}"
        self.reject(key, f"{key} is {what}", f"this is {str(value)[:40]}")
        return ""

    def number_of(self, key: str, value: object) -> int:
        least = {"population": 4, "generations": 1, "seed": 0}[key]
        if type(value) is int and value >= least:
            return value
        self.reject(key, f"{key} is a number from {least} on", f"this is {str(value)[:40]}")
        return least

    def flag_of(self, key: str, value: object) -> bool:
        if isinstance(value, bool):
            return value
        self.reject(key, f"{key} is true or false", f"this is {str(value)[:40]}")
        return False

    def reject(self, word: str, rule: str, label: str, help: str = "") -> None:
        start = self.start_of(word)
        span = Span(source=self.source, start=start, end=start + len(word))
        item = Diagnostic(code="OFA240", message=rule, span=span, label=label, help=help)
        self.found.append(item)

    def start_of(self, word: str) -> int:
        """Return where a key or the name of a table stands, in the table that is read if it can."""
        name, text = re.escape(word), self.source.text
        for pattern in (rf"^[ \t]*({name})[ \t]*=", rf"^[ \t]*\[.*({name})"):
            key = re.compile(pattern, re.MULTILINE)
            if found := key.search(text, self.place) or key.search(text):
                return found.start(1)
        return max(0, text.find(word))
