"""The base classes of an arch: what a generated supernet takes beside the images.

In: fields declared with ``one_of``, ``blocks_of`` and ``stage``. Out: frozen, typed archs that
cannot be outside their space, their JSON form, and the largest, the smallest and a random one.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import random
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from ofadsl.arch_form import Blocks, Check, Choice, OneOf, Spec, Stage, show, specs
from ofadsl.diagnostics import Diagnostics

T = TypeVar("T", bound="Choices")


def one_of(
    *values: Choice, json: str | None = None, when: Callable[[Any, Any], bool] | None = None
) -> Any:
    """Declare a field of an arch; ``json`` is its name in files where that is no identifier.

    ``when`` tells whether a subnet that has the field needs it, from the group that holds the
    field and the whole arch. An arch in which it does not matter may leave it out.
    """
    spec = OneOf(json=json or "", values=values, when=when)
    if when is not None:
        return dataclasses.field(default=None, metadata={"spec": spec})
    return _field(spec)


def blocks_of(*classes: type[Choices]) -> Any:
    """Declare the blocks of a stage: one class for all of them, or one for each."""
    return _field(Blocks(classes=classes))


def stage(cls: type[Choices], *, json: str | None = None) -> Any:
    """Declare a stage of an arch; ``json`` is its name in files where that is no identifier."""
    return _field(Stage(cls=cls, json=json or ""))


def _field(spec: Spec) -> Any:
    return dataclasses.field(metadata={"spec": spec})


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """A group of choices; making one with a value outside the space raises Diagnostics."""

    def __post_init__(self) -> None:
        check = Check()
        for name, spec in specs(type(self)).items():
            found = getattr(self, name)
            if isinstance(spec, OneOf):
                if found is None and spec.when is not None:
                    continue
                # 3.0 becomes 3, and an int subclass the plain value
                object.__setattr__(self, name, check.value(spec.json, found, spec))
            elif isinstance(spec, Blocks):
                blocks = tuple(found)
                object.__setattr__(self, name, blocks)
                depth = getattr(self, "depth", len(spec.classes))
                if depth is not None:
                    check.count(name, len(blocks), depth, hasattr(self, "depth"))
                for i, block in enumerate(blocks[:depth]):
                    _check_class(check, f"{name}[{i}]", block, spec.at(i))
            else:
                _check_class(check, name, found, spec.cls)
        if check.report:
            raise Diagnostics(check.report)


def _check_class(check: Check, path: str, found: object, cls: type) -> None:
    if not isinstance(found, cls):
        message = f"{path} is {show(found)}, not a {cls.__name__}"
        check.add("OFA081", message, help=f"make it with {cls.__name__}(...)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch(Choices):
    """One subnet of a space, in one spelling: what does not matter stands at its first value."""

    space: ClassVar[str]
    requirements: ClassVar[Any] = ()
    """Pairs of a condition, ``arch -> bool``, and its text."""
    ends: ClassVar[Any] = ()
    """The JSON forms of the smallest and the largest arch, where requirements forbid the plain."""

    def __post_init__(self) -> None:
        Choices.__post_init__(self)
        check = Check()
        _settle(self, check)
        if check.report:
            raise Diagnostics(check.report)
        for holds, text in self.requirements:
            if not holds(self):
                check.add("OFA085", f"the space requires {text}", help="change one of these values")
        if check.report:
            raise Diagnostics(check.report)

    @classmethod
    def from_dict(cls, data: object) -> Self:
        """Return the arch that a mapping in the native JSON form describes."""
        check = Check()
        fields = check.arch(cls, cls.space, data)
        if check.report:
            raise Diagnostics(check.report)
        return cls(**fields)

    def to_dict(self) -> dict[str, Any]:
        """Return the native JSON form; what does not matter is left out."""
        form: dict[str, Any] = {"space": self.space}
        stages: dict[str, Any] = {}
        choices = _form(self, self)
        if "resolution" in choices:
            form["resolution"] = choices.pop("resolution")
        for name, spec in specs(type(self)).items():
            if isinstance(spec, Stage):
                stages[spec.json] = _form(getattr(self, name), self)
        form |= {"stages": stages} if stages else {}
        return form | ({"choices": choices} if choices else {})

    @classmethod
    def largest(cls) -> Self:
        """Return the arch with every choice at its largest, or as large as those before allow."""
        if cls.ends:
            return cls.from_dict(cls.ends[1])
        return _fill(cls, lambda values: _ordered(values)[-1])

    @classmethod
    def smallest(cls) -> Self:
        """Return the arch with every choice at its smallest, or as small as those before allow."""
        if cls.ends:
            return cls.from_dict(cls.ends[0])
        return _fill(cls, lambda values: _ordered(values)[0])

    @classmethod
    def sample(cls, rng: random.Random) -> Self:
        """Return an arch with every choice uniform, among those that the space allows."""
        for _ in range(_TRIES):
            try:
                return _fill(cls, rng.choice)
            except Diagnostics:  # a requirement of the space: try again
                continue
        raise AssertionError(f"no arch of {cls.space} found in {_TRIES} random ones")


_TRIES = 10_000


def _form(group: Choices, arch: Arch) -> dict[str, Any]:
    """Return the choices of a group that matter to ``arch``, and its blocks, as JSON holds them."""
    form: dict[str, Any] = {}
    for name, spec in specs(type(group)).items():
        value = getattr(group, name)
        if isinstance(spec, OneOf):
            if spec.when is None or spec.when(group, arch):
                form[spec.json] = value
        elif isinstance(spec, Blocks):
            form[name] = [_form(block, arch) for block in value]
    return form


@dataclass(frozen=True, slots=True, kw_only=True)
class _Optional:
    """A field that matters to some subnets only, and the group that holds it."""

    path: str
    group: Choices
    name: str
    spec: OneOf

    def matters(self, arch: Arch) -> bool:
        return self.spec.when is None or self.spec.when(self.group, arch)


def _settle(arch: Arch, check: Check) -> None:
    """Give every choice that does not matter its first value; report what matters and is missing.

    What is missing is tried at its last value, then at its first: what matters in both cases does
    not do so because something else is missing.
    """
    fields = _optional_fields(arch)
    given = [getattr(field.group, field.name) for field in fields]
    missing: list[list[_Optional]] = []
    for end in (-1, 0):
        filled = [
            field.spec.values[end] if value is None else value
            for field, value in zip(fields, given, strict=True)
        ]
        _set_what_matters(arch, fields, filled)
        absent = (field for field, value in zip(fields, given, strict=True) if value is None)
        missing.append([field for field in absent if field.matters(arch)])
    last, first = missing
    for field in [field for field in first if field in last] or first:
        check.missing(field.path, field.spec.json, "this")


def _set_what_matters(arch: Arch, fields: list[_Optional], given: list[Choice]) -> None:
    """Set the fields to what is given, and to the first value where they do not matter.

    What matters may depend on a choice that does not: so until nothing changes.
    """
    settled: list[Choice] = []
    values = given
    while values != settled:
        settled = values
        for field, value in zip(fields, settled, strict=True):
            object.__setattr__(field.group, field.name, value)
        values = [
            value if field.matters(arch) else field.spec.values[0]
            for field, value in zip(fields, given, strict=True)
        ]


def _optional_fields(arch: Arch) -> list[_Optional]:
    """Return what may not matter; the groups that hold it are copied, as other archs may too."""
    fields = _of_group("choices", arch)
    for name, spec in specs(type(arch)).items():
        if not isinstance(spec, Stage) or not _is_conditional(spec.cls):
            continue
        stage, path = copy.copy(getattr(arch, name)), f"stages.{spec.json}"
        object.__setattr__(arch, name, stage)
        fields += _of_group(path, stage)
        for key in (key for key, inner in specs(spec.cls).items() if isinstance(inner, Blocks)):
            blocks = tuple(map(copy.copy, getattr(stage, key)))
            object.__setattr__(stage, key, blocks)
            for index, block in enumerate(blocks):
                fields += _of_group(f"{path}.{key}[{index}]", block)
    return fields


def _of_group(path: str, group: Choices) -> list[_Optional]:
    return [
        _Optional(path=f"{path}.{spec.json}", group=group, name=name, spec=spec)
        for name, spec in specs(type(group)).items()
        if isinstance(spec, OneOf) and spec.when is not None
    ]


@functools.cache
def _is_conditional(cls: Hashable) -> bool:
    """Return whether a stage or a block has a field that may not matter."""
    assert isinstance(cls, type)
    return any(
        spec.when is not None
        if isinstance(spec, OneOf)
        else isinstance(spec, Blocks) and any(map(_is_conditional, spec.classes))
        for spec in specs(cls).values()
    )


def _ordered(values: Sequence[Choice]) -> Sequence[Choice]:
    """Return numbers from small to large, words as they were declared."""
    return values if any(isinstance(v, str) for v in values) else sorted(values)


def _fill(cls: type[T], pick: Callable[[Sequence[Choice]], Choice]) -> T:
    values: dict[str, Any] = {}
    for name, spec in specs(cls).items():
        if isinstance(spec, OneOf):
            values[name] = pick(spec.values)
        elif isinstance(spec, Stage):
            values[name] = _fill(spec.cls, pick)
    for name, spec in specs(cls).items():  # a depth may stand after the blocks that it counts
        if isinstance(spec, Blocks):
            depth = values.get("depth", len(spec.classes))
            values[name] = tuple(_fill(spec.at(i), pick) for i in range(depth))
    return cls(**values)
