"""What the fields of an arch allow, and the check of a mapping against it.

In: a class whose fields are declared with a Spec, and data as a JSON file holds it. Out: values
for the constructor, or a report that names each place in the data, the value found, the rule and
the repair. The data may be anything at all: long, deep, of the wrong types.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import itertools
import reprlib
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ofadsl.diagnostics import Diagnostic

Choice = int | float | str
"""A value that an arch decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OneOf:
    """A field that takes one of ``values``; ``json`` is its name in files.

    ``when`` tells, of the group that holds the field and of the whole arch, whether the field
    matters to that subnet. Where it does not, the field stands at its first value.
    """

    json: str
    values: tuple[Choice, ...]
    when: Callable[[Any, Any], bool] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocks:
    """The choices of each block of a stage; one class for all, or one for each."""

    classes: tuple[type, ...]

    def at(self, index: int) -> type:
        """Return the class of block ``index``."""
        return self.classes[min(index, len(self.classes) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The choices of a stage; ``json`` is its name in files."""

    cls: type
    json: str = ""


Spec = OneOf | Blocks | Stage


def specs(cls: type) -> Mapping[str, Spec]:
    """Return what each field of ``cls`` allows, by the name of the field."""
    return _specs(cls)


@functools.cache
def _specs(cls: Hashable) -> Mapping[str, Spec]:
    assert isinstance(cls, type)
    found: dict[str, Spec] = {}
    for field in dataclasses.fields(cls):
        spec = field.metadata["spec"]
        if isinstance(spec, OneOf | Stage) and not spec.json:
            spec = dataclasses.replace(spec, json=field.name)
        found[field.name] = spec
    return found


class Check:
    """A walk over data that collects every mistake; ``report`` holds them in order."""

    def __init__(self) -> None:
        self.report: list[Diagnostic] = []

    def arch(self, cls: type, space: str, data: object) -> dict[str, Any]:
        """Return the fields of the arch class ``cls`` that ``data`` gives."""
        if not isinstance(data, Mapping):
            self.add("OFA087", f"the arch is {show(data)}, not a mapping", help=_FORM)
            return {}
        declared = specs(cls)
        stages = {n: s for n, s in declared.items() if isinstance(s, Stage)}
        choices = {n: s for n, s in declared.items() if isinstance(s, OneOf) and n != "resolution"}
        sections = [*(["resolution"] if "resolution" in declared else [])]
        sections += ["stages"] if stages else []
        always = any(choice.when is None for choice in choices.values())
        needed = [*sections, *(["choices"] if always else [])]
        sections += ["choices"] if choices else []
        self._keys("", data, ["space", *sections], required=needed)
        self._space(data, space)
        fields: dict[str, Any] = {}
        if "resolution" in sections and "resolution" in data:
            spec = declared["resolution"]
            assert isinstance(spec, OneOf)
            fields["resolution"] = self.value("resolution", data["resolution"], spec)
        if "stages" in data and stages:
            named = {stage.json: True for stage in stages.values()}
            inner = self._mapping("stages", data["stages"], named)
            for name, stage in stages.items():
                if stage.json in inner:
                    path = f"stages.{stage.json}"
                    fields[name] = self.group(path, inner[stage.json], stage.cls)
        if "choices" in data and choices:
            names = {s.json: s.when is None for s in choices.values()}
            inner = self._mapping("choices", data["choices"], names)
            for name, choice in choices.items():
                if choice.json in inner:
                    path = f"choices.{choice.json}"
                    fields[name] = self.value(path, inner[choice.json], choice)
        return fields

    def group(self, path: str, data: object, cls: type) -> Any:
        """Return a stage or a block from ``data``; None where it is wrong."""
        declared = specs(cls)
        names = {n: s.json if isinstance(s, OneOf) else n for n, s in declared.items()}
        before = len(self.report)
        needed = {names[n]: getattr(s, "when", None) is None for n, s in declared.items()}
        inner = self._mapping(path, data, needed)
        fields: dict[str, Any] = {}
        for name, spec in declared.items():
            if names[name] not in inner:
                continue
            found = inner[names[name]]
            if isinstance(spec, OneOf):
                fields[name] = self.value(f"{path}.{names[name]}", found, spec)
            elif isinstance(spec, Blocks):
                fields[name] = self._blocks(f"{path}.{name}", found, spec, fields, declared)
        return None if len(self.report) > before else cls(**fields)

    def value(self, path: str, found: object, spec: OneOf) -> Choice | None:
        """Return the allowed value that ``found`` is; None where it is none of them."""
        kinds = {type(v) for v in spec.values}
        wanted = "a word" if kinds == {str} else "a number" if float in kinds else "a whole number"
        fits = isinstance(found, str) if kinds == {str} else isinstance(found, int | float)
        if str in kinds and len(kinds) > 1:
            fits, wanted = isinstance(found, int | float | str), "a number or a word"
        if not fits or not isinstance(found, int | float | str) or isinstance(found, bool):
            message = f"{path} is {show(found)}, not {wanted}"
            self.add("OFA081", message, help=f"{spec.json} is {alternatives(spec.values)}")
            return None
        for value in spec.values:
            if value == found:
                return value
        help = f"{spec.json} is {alternatives(spec.values)}"
        near = _nearest(found, spec.values)
        help += f"; nearest: {near}" if near else ""
        self.add("OFA080", f"{path} is {show(found)}, outside the space", help=help)
        return None

    def count(self, path: str, blocks: int, depth: int, named: bool) -> None:
        """Report a stage whose blocks are not as many as its depth."""
        if blocks == depth:
            return
        stage = path.removesuffix("blocks").removesuffix(".") or "the stage"
        rule = f"depth {depth}" if named else f"every subnet has {depth}"
        help = f"list {_plural(depth)}" + (f", or set depth to {blocks}" if named else "")
        self.add("OFA084", f"{stage} has {_plural(blocks)}, but {rule}", help=help)

    def missing(self, path: str, key: str, who: str = "every") -> None:
        """Report a value that is not given; ``who`` decides it: every subnet, or this one."""
        self.add("OFA083", f"{path} is missing", help=f"{who} subnet decides it: add {key}")

    def add(self, code: str, message: str, help: str = "") -> None:
        """Report one mistake."""
        self.report.append(Diagnostic(code=code, message=message, help=help))

    def _space(self, data: Mapping[Any, Any], space: str) -> None:
        found = data.get("space", space)
        if found != space:
            message = f"the arch is of the space {show(found)}, not {space}"
            self.add("OFA086", message, help=f"take an arch of {space}, or the other space")

    def _blocks(
        self,
        path: str,
        found: object,
        spec: Blocks,
        fields: Mapping[str, Any],
        declared: Mapping[str, Spec],
    ) -> tuple[Any, ...] | None:
        if not isinstance(found, Sequence) or isinstance(found, str | bytes):
            self.add("OFA081", f"{path} is {show(found)}, not a list of blocks", help=_BLOCKS)
            return None
        named = "depth" in declared
        depth = fields.get("depth") if named else len(spec.classes)
        if depth is not None:
            self.count(path, len(found), depth, named)
        if depth is None or len(found) != depth:
            found = found[: depth or max(len(spec.classes), 8)]  # the rest may be endless
        read = [self.group(f"{path}[{i}]", b, spec.at(i)) for i, b in enumerate(found)]
        return tuple(read)

    def _mapping(self, path: str, found: object, names: Mapping[str, bool]) -> Mapping[Any, Any]:
        """Return ``found`` as a mapping with these keys, those that must be there marked."""
        if isinstance(found, Mapping):
            required = [name for name, needed in names.items() if needed]
            self._keys(path, found, list(names), required=required)
            return found
        keys = ", ".join(names)
        self.add("OFA087", f"{path} is {show(found)}, not a mapping", help=f"its keys: {keys}")
        return {}

    def _keys(
        self, path: str, found: Mapping[Any, Any], names: list[str], required: list[str]
    ) -> None:
        prefix = f"{path}." if path else ""
        strange = [key for key in found if key not in names]
        for key in strange[:_MANY]:
            close = difflib.get_close_matches(str(key)[:80], names, 1)
            help = f"did you mean {close[0]}?" if close else f"allowed here: {_list(names)}"
            self.add("OFA082", f"{prefix}{str(key)[:80]} is no key of this space", help=help)
        if len(strange) > _MANY:
            more = f"{path or 'the arch'} has {len(strange) - _MANY} more keys that are unknown"
            self.add("OFA082", more, help=f"allowed here: {_list(names)}")
        for name in required:
            if name not in found:
                self.missing(f"{prefix}{name}", name)


_FORM = 'write {"space": ..., "stages": {...}}, as the space shows it'
_BLOCKS = "write one mapping for each block, in order"
_MANY = 5  # so many strange keys of one mapping are named


def show(value: object) -> str:
    """Return ``value`` as a message shows it, short whatever it is."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return reprlib.repr(value)


def alternatives(values: Sequence[Choice]) -> str:
    """Return the values as a phrase: a ladder by its ends, a few by name."""
    if len(values) > _LADDER and all(isinstance(v, int) for v in values):
        steps = {int(b) - int(a) for a, b in itertools.pairwise(values)}
        if len(steps) == 1:
            return f"{values[0]}..{values[-1]} step {steps.pop()}"
    listed = _list([str(v) for v in values])
    return listed if len(values) == 1 else f"one of {listed}"


_LADDER = 6


def _plural(count: int) -> str:
    return "1 block" if count == 1 else f"{count} blocks"


def _list(names: Iterable[str]) -> str:
    names = list(names)
    shown = ", ".join(names[:12])
    return f"{shown} and {len(names) - 12} more" if len(names) > 12 else shown


def _nearest(found: Choice, values: Iterable[Choice]) -> str:
    if isinstance(found, str):
        words = [v for v in values if isinstance(v, str)]
        return ", ".join(difflib.get_close_matches(found[:80], words, 1))
    numbers = sorted(v for v in values if not isinstance(v, str))
    below = [v for v in numbers if v < found][-1:]
    above = [v for v in numbers if v > found][:1]
    return " or ".join(map(str, below + above))
