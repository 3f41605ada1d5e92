"""The typed arch of a generated supernet: one class for each kind of block and of stage.

In: the dimensions of a space. Out: the text of the classes, and for every dimension the
expression by which generated code reads it, such as ``arch.s1.blocks[0].kernel``.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from ofadsl.compiler.emit.text import RESERVED_CHOICES, call, camel, identifier, literal
from ofadsl.compiler.emit.wrap import WIDTH, canonical, sentence
from ofadsl.compiler.tree import Checked, StageNode
from ofadsl.elimination import conjuncts
from ofadsl.expr import TRUE, Apply, Expr, Value, Var, apply, conjunction, ordered, source
from ofadsl.space import Dim, Requirement, Space, extreme


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceClass:
    """A dataclass of choices as lines of text."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchText:
    """The classes of an arch, and how each dimension is read."""

    classes: tuple[ChoiceClass, ...]
    path: Mapping[str, str]
    """Dimension name -> expression on ``arch``."""
    in_block: Mapping[str, str]
    """Dimension name -> its field in the choices of its block."""
    of_blocks: Mapping[str, str]
    """Stage -> the type of its blocks' choices, ``Any`` where they are not all alike."""
    functions: tuple[tuple[str, ...], ...] = ()
    """What conditions are computed by that take a long text."""

    def uses_any(self) -> bool:
        """Return whether the classes mention ``Any``."""
        lines = [line for cls in self.classes for line in cls.lines]
        return bool(self.functions) or any("Any" in line for line in lines)


@dataclass(slots=True)
class _Classes:
    """Classes by their text: equal blocks and stages share one."""

    taken: frozenset[str]
    """Names of fields: a class of that name could not be referred to beside them."""
    fields: Mapping[str, str]
    """Dimension name -> its field."""
    named: dict[str, ChoiceClass] = field(default_factory=dict)
    by_lines: dict[tuple[str, ...], str] = field(default_factory=dict)
    of_blocks: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, lines: list[str]) -> str:
        key = tuple(lines)
        if key not in self.by_lines:
            unique, number = name, 2
            while unique in self.named or unique in self.taken:
                unique = f"{name}{number}"
                number += 1
            self.named[unique] = ChoiceClass(name=unique, lines=key)
            self.by_lines[key] = unique
        return self.by_lines[key]


def arch_text(checked: Checked) -> ArchText:
    """Return the classes of the arch of a space."""
    space = checked.space
    named = _named(space)
    taken = (*named.values(), *(stage.name for stage in space.stages))
    classes = _Classes(taken=frozenset(taken), fields=named)
    stages = {node.name: node for node in checked.body.nodes if isinstance(node, StageNode)}
    path, in_block = _paths(space, named)
    when, functions = _conditions(space, path, named)
    fields = _fields(tuple(d for d in space.dims if d.stage is None), when, named)
    for stage in space.stages:
        name = _stage_class(space, stages[stage.name], classes, when)
        own = identifier(stage.name, RESERVED_CHOICES)
        said = [f'json="{stage.name}"'] if own != stage.name else []
        fields += _declared(f"{own}: {name} = nn.stage(", [name, *said])
    lines = [
        f'space: ClassVar[str] = "{space.name}"',
        *fields,
        *_requirements(space, path, in_block),
    ]
    arch = ChoiceClass(name="Arch", lines=tuple(lines))
    return ArchText(
        classes=(*classes.named.values(), arch),
        path=path,
        in_block=in_block,
        of_blocks=classes.of_blocks,
        functions=functions,
    )


def _stage_class(space: Space, node: StageNode, classes: _Classes, when: Mapping[str, str]) -> str:
    dims = [d for d in space.dims if d.stage == node.name]
    lines = _fields(tuple(d for d in dims if d.block is None), when, classes.fields)
    blocks = [
        _fields(tuple(d for d in dims if d.block == i), when, classes.fields)
        for i in range(len(node.blocks))
    ]
    name = camel(node.blocks[0].declaration.name.text)
    if any(blocks):
        names = [classes.add(f"{name}Choices", own or ["pass"]) for own in blocks]
        alike = len(set(names)) == 1
        classes.of_blocks[node.name] = kind = names[0] if alike else "Any"
        head = f"blocks: tuple[{kind}, ...] = nn.blocks_of("
        lines += _declared(head, names[:1] if alike else names)
    return classes.add(f"{name}Stage", lines)


def _declared(head: str, args: list[str]) -> list[str]:
    """Return a field of a class, where the class begins at the margin."""
    return [line[_INDENT:] for line in call(head, args, _INDENT)]


_INDENT = 4


def _fields(dims: tuple[Dim, ...], when: Mapping[str, str], named: Mapping[str, str]) -> list[str]:
    lines = []
    for dim in dims:
        name = named[dim.var.name]
        values = _values(dim.var.values)
        if name != dim.key:
            values.append(f'json="{dim.key}"')
        if dim.var.name in when:
            values.append(f"when={when[dim.var.name]}")
        head = f"{name}: {_kind(dim.var.values)} = nn.one_of("
        if dim.var.name in when and _INDENT * 2 + len(values[-1]) + 1 > WIDTH:
            whole = f"{head}{', '.join(values)})  # noqa: E501"
            lines += ["# fmt: off", whole, "# fmt: on"]
        else:
            lines += _declared(head, values)
    return lines


def _conditions(
    space: Space, path: Mapping[str, str], named: Mapping[str, str]
) -> tuple[dict[str, str], tuple[tuple[str, ...], ...]]:
    """Return when a dimension matters to subnets that have its field, as a function.

    It takes the group that holds the field, and the whole arch. One that would take a long text is
    a function with a name; these are returned, too.
    """
    depths = {stage.name: stage.depth for stage in space.stages}
    in_blocks = {dim.var.name for dim in space.dims if dim.block is not None}
    found = {}
    functions: dict[tuple[str, ...], str] = {}
    for dim in space.dims:
        parts = list(conjuncts(dim.live))
        if dim.stage is not None and dim.block is not None:
            there = apply(">", depths[dim.stage], dim.block)
            parts = [part for part in parts if part != there]  # else there is no such field
        condition = conjunction(parts)
        if condition == TRUE:
            continue
        holder = path[dim.var.name].removesuffix(named[dim.var.name])
        own = "arch." if dim.stage is None else "stage." if dim.block is None else "block."

        def read(var: Var, holder: str = holder, own: str = own) -> str:
            return path[var.name].replace(holder, own)

        others = "_" if dim.stage is None else "arch"
        arguments = f"{own.removesuffix('.')}, {others}"
        # what a block chooses is not there in every arch, so that it is read only where it is
        if condition.depth < _DEEP or any(var.name in in_blocks for var in condition.support):
            found[dim.var.name] = f"lambda {arguments}: {canonical(source(condition, read))}"
            continue
        body = (*_assigned(condition, read),)
        known = functions.setdefault((arguments, *body), f"_matters_{len(functions)}")
        found[dim.var.name] = known
    made = []
    for (arguments, *body_), name in functions.items():
        typed = arguments.replace(", ", ": Any, ")
        made.append((f"def {name}({typed}: Any) -> bool:", *body_))
    return found, tuple(made)


_SHORT = 4
"""Levels of operators in one of its lines."""

_DEEP = 8
"""Levels of operators in a condition that is a function of its own."""


def _assigned(condition: Expr, read: Callable[[Var], str]) -> Iterator[str]:
    """Yield the lines that compute a condition: a variable for each part that stands twice."""
    parents = Counter(
        arg for part in ordered(condition) if isinstance(part, Apply) for arg in part.args
    )
    variables: dict[Expr, Var] = {}
    inner: dict[Expr, Expr] = {}
    for part in ordered(condition):
        inner[part] = part
        if isinstance(part, Apply):
            inner[part] = Apply(part.op, tuple(inner[arg] for arg in part.args))
            if parents[part] > 1 or inner[part].depth >= _SHORT:
                variables[part] = Var(f"~{len(variables)}", (1,))
                yield from sentence(f"a{len(variables) - 1} =", _python(inner[part], read), 4)
                inner[part] = variables[part]
    yield from sentence("matters =", _python(inner[condition], read), 4)
    yield "    return bool(matters)"


def _python(expr: Expr, read: Callable[[Var], str]) -> str:
    def name(var: Var) -> str:
        return f"a{var.name[1:]}" if var.name.startswith("~") else read(var)

    return canonical(source(expr, name))


def _named(space: Space) -> dict[str, str]:
    """Return the field of each dimension, by its name: in a group no two are called alike."""
    stages = {identifier(stage.name, RESERVED_CHOICES) for stage in space.stages}
    taken: dict[tuple[str | None, int | None], set[str]] = {(None, None): stages}
    found = {}
    for dim in space.dims:
        group = taken.setdefault((dim.stage, dim.block), set())
        plain = dim.key in ("depth", "resolution")
        base = dim.key if plain else identifier(dim.key, RESERVED_CHOICES)
        name, number = base, 2
        while name in group:
            name = f"{base}_{number}"
            number += 1
        group.add(name)
        found[dim.var.name] = name
    return found


def _kind(values: tuple[Value, ...]) -> str:
    if all(isinstance(v, int) for v in values):
        return "int"
    return "str" if isinstance(values[0], str) else "float"


def _values(values: tuple[Value, ...]) -> list[str]:
    """Return the values as arguments, evenly spaced whole numbers as a range."""
    if len(values) > 4 and all(isinstance(v, int) for v in values):
        low, high = values[0], values[-1]
        step = (high - low) // (len(values) - 1)  # type: ignore[operator]
        if values == tuple(range(low, high + 1, step)):  # type: ignore[arg-type,operator]
            return [f"*range({low}, {high + 1}, {step})"]  # type: ignore[operator]
    return [literal(v) for v in values]


def _paths(space: Space, named: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    path, in_block = {}, {}
    for dim in space.dims:
        name = named[dim.var.name]
        if dim.stage is None:
            path[dim.var.name] = f"arch.{name}"
            continue
        stage = identifier(dim.stage, RESERVED_CHOICES)
        if dim.block is None:
            path[dim.var.name] = f"arch.{stage}.{name}"
        else:
            path[dim.var.name] = f"arch.{stage}.blocks[{dim.block}].{name}"
            in_block[dim.var.name] = name
    return path, in_block


def _requirements(space: Space, path: Mapping[str, str], in_block: Mapping[str, str]) -> list[str]:
    """Return the pairs of a condition and its text; equal conditions on all blocks as one."""
    if not space.requirements:
        return []
    lines = ["# fmt: off", "requirements: ClassVar[Any] = ("]
    for text, group in itertools.groupby(space.requirements, key=lambda r: r.text):
        own = tuple(group)
        said = " ".join(text.split()).replace("\\", "/").replace('"', "'")
        for condition in _on_all_blocks(space, own, path, in_block) or [
            source(r.condition, lambda var: path[var.name]) for r in own
        ]:
            lines.append(f'    (lambda arch: {condition}, "{said}"),  # noqa: E501, RUF021, RUF100')
    return [*lines, ")", *_ends(space), "# fmt: on"]


def _ends(space: Space) -> list[str]:
    """Return the smallest and the largest arch, where requirements forbid the plain ones."""
    plain = [
        tuple(pick(range(len(dim.var.values)), key=_rank(dim.var.values)) for dim in space.dims)
        for pick in (min, max)
    ]
    if all(map(space.contains, plain)):
        return []
    draws = space.draws()
    forms = [space.to_json(extreme(space, draws, largest=largest)) for largest in (False, True)]
    lines = [f"    {json.dumps(form)},  # noqa: E501, RUF100" for form in forms]
    return ["ends: ClassVar[Any] = (", *lines, ")"]


def _rank(values: tuple[Value, ...]) -> Callable[[int], float]:
    """Return how large a choice is: numbers by their value, words as they were declared."""
    worded = any(isinstance(value, str) for value in values)
    return lambda index: index if worded else float(values[index])


def _on_all_blocks(
    space: Space,
    own: tuple[Requirement, ...],
    path: Mapping[str, str],
    in_block: Mapping[str, str],
) -> list[str]:
    """Return one condition on all blocks of a stage, or nothing where there is none such."""
    dims = {dim.var.name: dim for dim in space.dims}
    blocks = [
        {(d.stage, d.block) for v in r.said.support if (d := dims[v.name]).block is not None}
        for r in own
    ]
    stages = {stage for found in blocks for stage, _ in found}
    if len(stages) != 1 or any(len(found) != 1 for found in blocks):
        return []
    (stage,) = stages
    count = next(s.blocks for s in space.stages if s.name == stage)
    read = {**path, **{name: f"block.{field}" for name, field in in_block.items()}}
    texts = {source(r.said, lambda var: read[var.name]) for r in own}
    if len(texts) != 1 or len(own) != count:
        return []
    return [
        f"all({texts.pop()} for block in arch.{identifier(str(stage), RESERVED_CHOICES)}.blocks)"
    ]
