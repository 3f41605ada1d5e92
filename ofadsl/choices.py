"""The base classes of an arch: what a generated supernet takes beside the images.

In: fields declared with ``one_of``, ``blocks_of`` and ``stage``. Out: frozen, typed archs that
cannot be outside their space, their JSON form, and the largest, the smallest and a random one.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self, TypeVar

from ofadsl.arch_form import Blocks, Check, Choice, OneOf, Spec, Stage, show, specs
from ofadsl.diagnostics import Diagnostics

T = TypeVar("T", bound="Choices")


def one_of(*values: Choice, json: str | None = None, optional: bool = False) -> Any:
    """Declare a field of an arch; ``json`` is its name in files where that is no identifier.

    An ``optional`` field matters to some subnets only, and is the first value where left out.
    """
    spec = OneOf(json=json or "", values=values, optional=optional)
    if optional:
        return dataclasses.field(default=values[0], metadata={"spec": spec})
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

    def to_dict(self) -> dict[str, Any]:
        """Return the choices as JSON holds them."""
        values: dict[str, Any] = {}
        for name, spec in specs(type(self)).items():
            value = getattr(self, name)
            if isinstance(spec, OneOf):
                values[spec.json] = value
            else:
                values[name] = [block.to_dict() for block in value]
        return values


def _check_class(check: Check, path: str, found: object, cls: type) -> None:
    if not isinstance(found, cls):
        message = f"{path} is {show(found)}, not a {cls.__name__}"
        check.add("OFA081", message, help=f"make it with {cls.__name__}(...)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arch(Choices):
    """One subnet of a space."""

    space: ClassVar[str]
    requirements: ClassVar[Any] = ()
    """Pairs of a condition, ``arch -> bool``, and its text."""
    ends: ClassVar[Any] = ()
    """The JSON forms of the smallest and the largest arch, where requirements forbid the plain."""

    def __post_init__(self) -> None:
        Choices.__post_init__(self)
        check = Check()
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
        """Return the native JSON form."""
        form: dict[str, Any] = {"space": self.space}
        stages: dict[str, Any] = {}
        choices: dict[str, Any] = {}
        for name, spec in specs(type(self)).items():
            value = getattr(self, name)
            if isinstance(spec, Stage):
                stages[spec.json] = value.to_dict()
            elif isinstance(spec, OneOf) and name == "resolution":
                form["resolution"] = value
            elif isinstance(spec, OneOf):
                choices[spec.json] = value
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
