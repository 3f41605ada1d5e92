"""Random spaces: every construct of the grammar, choices at every level, tiny sizes.

In: a seed. Out: the syntax trees of a file and of what it imports, and the settings of its
parameters. Most spaces are valid; now and then a size is taken as it comes, and what the compiler
then refuses must indeed be broken. The same seed gives the same space.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from random_calls import ACTS, BLOCK_IN, Calls, Feat, Here, OwnBlock
from random_schedules import random_schedule
from random_statements import Generator, names_in, used
from random_values import (
    Entry,
    Scope,
    Values,
    binary,
    flag,
    members,
    name,
    number,
    range_of,
    set_of,
    values,
)
from space_coverage import NESTED, PAIRS
from trees import NOWHERE

from ofadsl.compiler import syntax
from ofadsl.compiler.layout.printer import format_file
from ofadsl.compiler.syntax import Expression, Statement

SLOPPY = 0.15
"""So many spaces have sizes that nobody looked at."""
WISHES = sorted(NESTED)
BODIES = sorted(pair for pair in PAIRS if pair[1] != "input")


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomSpace:
    """A file with a space, the files that it imports by name, and the settings of parameters."""

    main: syntax.File
    imports: Mapping[str, syntax.File]
    settings: Mapping[str, str]

    def texts(self) -> dict[str, str]:
        """Return the text of each file, that of the space under `main.ofa`."""
        files = {"main.ofa": self.main, **self.imports}
        return {path: format_file(file) for path, file in files.items()}


def random_space(seed: int) -> RandomSpace:
    """Return the space of a seed."""
    rng = random.Random(seed)
    sloppy = 0.25 if rng.random() < SLOPPY else 0.0
    room = rng.choice((3.0, 6.0, 8.0, 8.0, 10.0, 14.0))
    first = 3 * seed
    wishes = tuple(WISHES[(first + i) % len(WISHES)] for i in range(3))
    calls = Calls(
        rng=rng,
        values=Values(rng=rng, room=room, sloppy=sloppy, wishes=wishes),
        left=rng.choice((6, 8, 10, 12, 16, 20)),
        strange=0.5 if rng.random() < 0.2 else 0.05,
    )
    pairs = [BODIES[(2 * seed + i) % len(BODIES)] for i in range(2)]
    generator = Generator(calls=calls, pairs=pairs)
    return _Files(generator).space()


@dataclass(slots=True)
class _Files:
    own: Generator

    def space(self) -> RandomSpace:
        own, rng = self.own, self.own.calls.rng
        outer = Scope()
        items: list[syntax.Import | syntax.BlockDecl | syntax.SpaceDecl | syntax.Let] = []
        imports: dict[str, syntax.File] = {}
        if own.calls.chance(0.2):
            scope = Scope()
            inside: list[syntax.Let | syntax.BlockDecl] = [*self._lets(scope)]
            inside += [self._block(scope) for _ in range(rng.choice((1, 2)))]
            path = rng.choice(("blocks.ofa", "more/blocks.ofa"))
            imports[path] = _file(inside)
            items.append(syntax.Import(span=NOWHERE, path=path))
        items += self._lets(outer)
        if any("let function" in wish for wish in own.calls.values.wishes):
            items += self._function(outer)
        least = any("block" in kind for pair in own.pairs for kind in pair)
        count = max(rng.choice((0, 0, 1, 1, 2, 3)), least * 2)
        blocks = [self._block(outer) for _ in range(count)]
        declared, settings = self._space(outer)
        if own.calls.chance(0.3):
            items += [declared, *blocks]
        else:
            items += [*blocks, declared]
        everything: list[object] = [*items]
        if own.calls.chance(0.12):
            everything.append(random_schedule(rng, own.calls.fresh(called=True)))
        return RandomSpace(main=_file(everything), imports=imports, settings=settings)

    def _lets(self, scope: Scope) -> list[syntax.Let]:
        """Return values of a file, which blocks and spaces below see."""
        statements: list[Statement] = []
        here = Here(scope=scope, where="file", copies=2)
        room, self.own.calls.values.room = self.own.calls.values.room, 0
        while self.own.calls.chance(0.25):
            self.own.let(statements, here)
        self.own.calls.values.room = room
        return [s for s in statements if isinstance(s, syntax.Let)]

    def _function(self, scope: Scope) -> list[syntax.Let]:
        """Return a function of a file."""
        own, found = self.own, list[Statement]()
        while not any(isinstance(s, syntax.Let) and s.parameters for s in found):
            own.let(found, Here(scope=scope, where="file", copies=0))
        return [s for s in found if isinstance(s, syntax.Let)]

    # Blocks

    def _block(self, outer: Scope) -> syntax.BlockDecl:
        own, rng = self.own, self.own.calls.rng
        scope = outer.inner()
        roles: dict[str, str] = {}
        parameters: list[syntax.Parameter] = []
        tokens = own.calls.chance(0.1)
        kinds = rng.sample(
            ("out", "kernel", "expand", "act", "condition"), rng.choice((0, 1, 2, 3))
        )
        if own.calls.chance(0.35) and not tokens:
            kinds.append("stride")
        for kind in sorted(kinds, key=lambda kind: kind in ("stride", "act", "condition")):
            text = (
                kind if own.calls.chance(0.5) and kind not in own.calls.used else own.calls.fresh()
            )
            default, entry = self._parameter(kind)
            roles[text] = kind
            parameters.append(syntax.Parameter(span=NOWHERE, name=name(text), default=default))
            scope.entries[text] = entry
        inputs = Entry(kind="number", values=BLOCK_IN)
        scope.entries["in"] = inputs
        keeps = "rows" if "out" in kinds else "shape"
        feat = Feat(
            rank="tokens" if tokens else "image", widths=BLOCK_IN, rows=(2, 3), expr=name("in")
        )
        left, own.calls.left = own.calls.left, rng.choice((2, 3, 4, 5))
        here = Here(scope=scope, where="block", copies=3, deep=1, kind="block", keep=keeps)
        first: list[Statement] = []
        stride = next((text for text, role in roles.items() if role == "stride"), None)
        if stride is not None:
            first, feat = self._strided(stride, feat, here)
            here = replace(here, keep="rows")
        goal: Expression | None = None
        out = next((text for text, role in roles.items() if role == "out"), None)
        if out is not None:
            goal = name(out)
        body, _ = own.body(feat, here, rng.choice((1, 2, 3)), goal, same=goal is None)
        if stride is not None:
            keeps = "none"
        own.calls.left = left
        spoken = names_in((*first, *body))
        roles = {key: role if key in spoken else "idle" for key, role in roles.items()}
        text = own.calls.fresh(called=True)
        needed = tuple(p.name.text for p in parameters if p.default is None)
        own.calls.blocks.append(
            OwnBlock(name=text, roles=roles, needed=needed, keeps=keeps, tokens=tokens, least=2)
        )
        return syntax.BlockDecl(
            span=NOWHERE,
            name=name(text),
            parameters=tuple(parameters),
            body=used([*first, *body], scope),
        )

    def _strided(self, stride: str, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return the statement that has the stride of a block."""
        own = self.own
        named: dict[str, Expression] = {"stride": name(stride)}
        feat = replace(feat, rows=(1, 2, 3))
        if own.calls.chance(0.5):
            return [own.calls.call("dwconv", named={"kernel": number(3), **named})], feat
        if own.calls.chance(0.4):
            way = (own.calls.call("avg_pool", name(stride)),)
            condition = binary(">", name(stride), number(1))
            return [syntax.If(span=NOWHERE, condition=condition, then=way, orelse=())], feat
        expr, found = own.calls.width(here, 4, sets=False)
        call = own.calls.call("conv", expr, named={"kernel": number(3), **named})
        return [call], replace(feat, widths=found, expr=own.calls.known(expr, here.scope))

    def _parameter(self, kind: str) -> tuple[Expression | None, Entry]:
        """Return the default of a parameter, if any, and the values that its block is made for."""
        own, rng = self.own, self.own.calls.rng
        given = own.calls.chance(0.5)
        match kind:
            case "out":
                default: Expression = number(8)
                if own.calls.chance(0.3):
                    default = binary("*", name("in"), number(1))
                return default if given else None, Entry(kind="number", values=(4, 8, 12, 16))
            case "kernel":
                return number(3) if given else None, Entry(kind="number", values=(1, 3))
            case "expand":
                return number(1) if given else None, Entry(kind="number", values=(1, 2, 3))
            case "stride":
                return number(1), Entry(kind="number", values=(1, 2))
            case "act":
                return name(rng.choice(ACTS)), Entry(kind="hidden", values=ACTS)
            case _:
                return flag(own.calls.chance(0.5)), Entry(kind="flag", values=(True, False))

    # The space

    def _space(self, outer: Scope) -> tuple[syntax.SpaceDecl, dict[str, str]]:
        own, rng = self.own, self.own.calls.rng
        scope = outer.inner()
        parameters, settings = self._parameters(scope)
        sizes = rng.choice(((8,), (8,), (8, 12), (4, 8), (6, 9), (5, 8, 11), (12, 16)))
        size: Expression = set_of(sizes) if len(sizes) > 1 or own.calls.chance(0.3) else number(8)
        if sizes == (5, 8, 11) or (sizes == (4, 8) and own.calls.chance(0.5)):
            size = range_of(sizes[0], sizes[-1], sizes[1] - sizes[0])
        channels = rng.choice((1, 2, 3, 4))
        statements: list[Statement] = []
        here = Here(scope=scope, where="space")
        if own.calls.chance(0.15):
            own.let(statements, replace(here, where="file"))
            for statement in statements:
                if isinstance(statement, syntax.Let) and not _plain(statement):
                    scope.entries.pop(statement.name.text)
            statements = [s for s in statements if _plain(s)]
        if own.calls.chance(0.1):
            statements.append(own.default(here))
        arguments = {"channels": number(channels), "size": size}
        positional = own.calls.chance(0.1)
        statements.append(
            syntax.Input(
                span=NOWHERE,
                kind=name("image"),
                arguments=tuple(
                    syntax.Argument(span=NOWHERE, name=None if positional else name(k), value=v)
                    for k, v in arguments.items()
                ),
            )
        )
        scope.entries["resolution"] = Entry(kind="number", values=sizes)
        feat = Feat(rank="image", widths=(channels,), rows=sizes)
        if own.calls.chance(0.7):
            expr, found = own.calls.width(here)
            statements.append(own.calls.call("conv", expr, named={"kernel": number(3)}))
            feat = replace(feat, widths=found, expr=own.calls.known(expr, scope))
        made, feat = self._wishes(feat, here)
        statements += made
        body, feat = own.body(feat, here, rng.choice((2, 3, 4, 5)))
        statements += body
        statements += self._tail(feat, here)
        if own.calls.chance(0.5):
            statements += self._requirements(statements)
        text = own.calls.fresh(called=True)
        declared = syntax.SpaceDecl(
            span=NOWHERE,
            name=name(text),
            parameters=tuple(parameters),
            body=used(statements, scope),
        )
        return declared, settings

    def _wishes(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return an `if` for each operator in an operator that this space is to have."""
        own, made = self.own, list[Statement]()
        for kind in dict.fromkeys(outer for outer, _ in own.pairs):
            if kind not in ("space", "block"):
                left, own.calls.left = own.calls.left, 3
                node, feat = own.forced(kind, feat, here)
                own.calls.left = left
                made += node
        for wish in own.calls.values.wishes:
            for _ in range(60):
                own.moves(feat, here)
                condition = own.calls.values.wished(*wish, here.scope, True)
                if values(condition, here.scope) is not None:
                    left, own.calls.left = own.calls.left, 2
                    node, feat = own.if_(feat, here, condition)
                    own.calls.left = left
                    made += node
                    break
        return made, feat

    def _parameters(self, scope: Scope) -> tuple[list[syntax.Parameter], dict[str, str]]:
        own, rng = self.own, self.own.calls.rng
        parameters, settings = [], {}
        for kind in rng.sample(("ratio", "words", "flag", "classes"), rng.choice((0, 0, 1, 2, 3))):
            text = own.calls.fresh()
            default: Expression | None
            allowed: Expression | None = None
            match kind:
                case "ratio":
                    options = (1.0, 1.5, 2.0)
                    picked = rng.choice(options)
                    default = number(1.0)
                    allowed = set_of(options) if own.calls.chance(0.6) else None
                    scope.entries[text] = Entry(kind="number", values=(picked,), fixed=True)
                    shown = repr(picked)
                case "words":
                    words = tuple(own.calls.fresh("w") for _ in range(2))
                    word = rng.choice(words)
                    default = name(words[0])
                    allowed = syntax.SetLit(span=NOWHERE, items=tuple(map(name, words)))
                    entry = Entry(kind="word", values=(word,), parameters=words, fixed=True)
                    scope.entries[text] = entry
                    for each in words:
                        scope.entries[each] = Entry(kind="hidden", values=(each,))
                    shown = word
                case "flag":
                    truth = own.calls.chance(0.5)
                    default = flag(False)
                    scope.entries[text] = Entry(kind="flag", values=(truth,), fixed=True)
                    shown = str(truth).lower()
                case _:
                    whole = rng.choice((4, 8))
                    default = number(4)
                    allowed = set_of((4, 8)) if own.calls.chance(0.5) else None
                    scope.entries[text] = Entry(kind="number", values=(whole,), fixed=True)
                    shown = str(whole)
            if own.calls.chance(0.15):
                default = None
            entry = scope.entries[text]
            settings[text] = shown
            parameters.append(
                syntax.Parameter(span=NOWHERE, name=name(text), default=default, allowed=allowed)
            )
        return parameters, settings

    def _tail(self, feat: Feat, here: Here) -> list[Statement]:
        """Return the end of a network: a head, tokens, or nothing."""
        own, rng = self.own, self.own.calls.rng
        kind = rng.choice(("head", "head", "head", "tokens", "tokens", "pixel", "open"))
        if kind == "open":
            return []
        if kind == "tokens":
            patches = [p for p in (1, 2, 4) if all(r % p == 0 and r // p < 5 for r in feat.rows)]
            if patches:
                return self._tokens(rng.choice(patches), feat, here)
        statements: list[Statement] = [own.calls.call("global_avg_pool")]
        if kind == "pixel":
            feat = replace(feat, rows=(1,))
            body, feat = own.body(feat, replace(here, keep="rows"), 1)
            statements += body
        expr, found = own.calls.width(here)
        statements.append(own.calls.call("linear", expr))
        if own.calls.chance(0.25):
            feat = Feat(rank="vector", widths=found, expr=own.calls.known(expr, here.scope))
            own.calls.left = max(own.calls.left, 2)
            statements += own.body(feat, here, 2)[0]
        return statements

    def _tokens(self, patch: int, feat: Feat, here: Here) -> list[Statement]:
        own = self.own
        expr, found = own.calls.width(here, 4)
        statements: list[Statement] = [own.calls.call("patch_embed", expr, number(patch))]
        counts = tuple(sorted({(r // patch) ** 2 for r in feat.rows}))
        skip = 0
        if own.calls.chance(0.5):
            statements.append(own.calls.call("class_token"))
            counts, skip = tuple(c + 1 for c in counts), 1
        if len(counts) == 1 and own.calls.chance(0.6):
            statements.append(own.calls.call("position_table"))
        feat = Feat(
            rank="tokens", widths=found, rows=counts, expr=own.calls.known(expr, here.scope)
        )
        own.calls.left = max(own.calls.left, 4)
        body, feat = own.body(feat, here, own.calls.rng.choice((1, 2, 3)))
        statements += body
        match own.calls.rng.choice(("first", "mean", "none")):
            case "first":
                statements.append(own.calls.call("first_token"))
            case "mean":
                named = {"skip": number(skip)} if skip else {}
                statements.append(own.calls.call("mean_tokens", named=named))
            case _:
                return statements
        return [*statements, own.calls.call("linear", number(3))]

    # Requirements

    def _requirements(self, statements: list[Statement]) -> list[Statement]:
        """Return what narrows the space: conditions on the dimensions of its stages."""
        rng = self.own.calls.rng
        spoken: list[tuple[Expression, tuple[float | str, ...]]] = []
        for statement in statements:
            if isinstance(statement, syntax.Stage):
                spoken += stage_members(statement)
        spoken.sort(key=lambda pair: not _of_block(pair[0]))
        found: list[Statement] = []
        for _ in range(rng.choice((1, 1, 2)) if spoken else 0):
            condition = self._requirement(spoken)
            if condition is not None:
                found.append(syntax.Require(span=NOWHERE, condition=condition))
        return found

    def _requirement(
        self, spoken: list[tuple[Expression, tuple[float | str, ...]]]
    ) -> Expression | None:
        """Return a condition that some of the values spoken of meet; None where none was found."""
        own = self.own
        for _ in range(4):
            scope = Scope()
            members = {f"m{i}": member for i, (member, _) in enumerate(spoken)}
            for key, (_, options) in zip(members, spoken, strict=True):
                kind = "word" if isinstance(options[0], str) else "number"
                scope.entries[key] = Entry(kind=kind, values=options)
            condition = own.calls.values.condition(scope, 2)
            found = values(condition, scope)
            words = any(scope.find(text) is not None for text in names_in(condition))
            if words and found and True in found and (False in found or own.calls.chance(0.05)):
                return _put(condition, members)
        return None


def _of_block(expr: Expression) -> bool:
    """Return whether a member is one of a block of a stage."""
    return any(isinstance(part, syntax.Index) for part in syntax.walk(expr))


def _put(expr: Expression, members: Mapping[str, Expression]) -> Expression:
    """Return an expression with the members that names stand for."""
    if isinstance(expr, syntax.Name):
        return members.get(expr.text, expr)
    changed: dict[str, object] = {}
    for item in dataclasses.fields(expr):
        value = getattr(expr, item.name)
        if item.name in ("function", "span"):
            continue
        if isinstance(value, tuple):
            changed[item.name] = tuple(_put(part, members) for part in value)
        elif isinstance(value, syntax.Expression):
            changed[item.name] = _put(value, members)
    return replace(expr, **changed)  # type: ignore[arg-type]


def stage_members(  # noqa: C901  (one case a kind of dimension)
    stage: syntax.Stage,
) -> list[tuple[Expression, tuple[float | str, ...]]]:
    """Return the dimensions of a stage that can be named for sure, with some of their values."""

    def member(base: Expression, key: str) -> Expression:
        for part in key.split("."):
            base = syntax.Member(span=NOWHERE, base=base, name=name(part))
        return base

    found: list[tuple[Expression, tuple[float | str, ...]]] = []
    found.append((member(stage.name, "depth"), _depths(stage.depth)))
    own = [s for s in stage.body if not isinstance(s, syntax.Let | syntax.Require | syntax.Choice)]
    keys: list[tuple[str, syntax.Expression]] = []
    for statement in stage.body:
        if isinstance(statement, syntax.Choice):
            shown = _numbers(statement.values)
            if shown:
                found.append((member(stage.name, statement.name.text), shown))
        if not isinstance(statement, syntax.Call):
            if isinstance(statement, syntax.OneOf) and statement.label is not None:
                first = syntax.Index(span=NOWHERE, base=stage.name, index=number(0))
                options = tuple(option.name.text for option in statement.options)
                found.append((member(first, statement.label.text), options))
                found.append((member(stage.name, statement.label.text), options))
            continue
        alone = len(own) == 1
        if alone or statement.label is not None:
            prefix = "" if alone else f"{statement.label.text}." if statement.label else ""
            keys += [(f"{prefix}{a.name.text}", a.value) for a in statement.arguments if a.name]
    for key, value in keys:
        shown = _numbers(value)
        if shown:
            first = syntax.Index(span=NOWHERE, base=stage.name, index=number(0))
            found += [(member(first, key), shown), (member(stage.name, key), shown)]
    return found


def _depths(expr: Expression) -> tuple[float, ...]:
    """Return what a depth can be."""
    while isinstance(expr, syntax.IfElse):
        expr = expr.then
    if isinstance(expr, syntax.Number):
        return (expr.value,)
    return tuple(v for v in members(expr, Scope()) if not isinstance(v, str))


def _numbers(expr: Expression) -> tuple[float, ...]:
    if isinstance(expr, syntax.SetLit):
        return tuple(item.value for item in expr.items if isinstance(item, syntax.Number))
    return ()


def _plain(statement: Statement) -> bool:
    """Return whether a statement may stand before the input."""
    if not isinstance(statement, syntax.Let):
        return True
    parts = list(syntax.walk(statement.value))
    return not any(isinstance(p, syntax.SetLit | syntax.RangeLit) for p in parts[1:]) and (
        values(statement.value, Scope()) is not None or statement.parameters is not None
    )


def _file(items: Sequence[object]) -> syntax.File:
    return syntax.File(span=NOWHERE, items=tuple(items))  # type: ignore[arg-type]
