"""Random statements of the language: ops, blocks, stages and all that has bodies, of tiny sizes.

In: what flows into a body, and the names in scope. Out: syntax trees of statements, and what they
give. The sizes that each width can have are counted along, so that most of it is valid.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from random_values import (
    Entry,
    Scope,
    Values,
    binary,
    flag,
    if_else,
    is_set,
    members,
    name,
    number,
    range_of,
    set_of,
    values,
)
from trees import HEADS, NOWHERE

from ofadsl.compiler import syntax
from ofadsl.compiler.syntax import Expression, Statement

WIDTHS = (4, 8, 12, 16)
ACTS = ("relu", "relu6", "hswish", "swish", "gelu", "hsigmoid", "sigmoid", "tanh")
PLAIN = "a b c d e f g h k m n p q r t u v w y z".split()
STRANGE = (
    "self x arch torch nn super forward training weight bias class def lambda None True type depth "
    "step of when phase any largest residual stage add input size channels blocks space net len "
    "int range op cost macs depth_2 _ __init__ match print Tensor Supernet Arch resolution2"
).split()
BLOCK_IN = tuple(range(4, 33, 4))
"""The widths that a block of one's own is written for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Feat:
    """What flows: images, tokens or a vector, their possible sizes, and how to say their width."""

    rank: str
    widths: tuple[int, ...]
    rows: tuple[int, ...] = ()
    expr: Expression | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """Where a statement stands; ``copies`` is how often a stage repeats it."""

    scope: Scope
    where: str
    copies: int = 1
    deep: int = 0
    keep: str = "any"
    """What must stay as it is: ``any`` thing may change, the ``rows`` stay, or the ``shape``."""
    strided: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBlock:
    """A block that calls may use; each parameter has a role and the values that it is made for."""

    name: str
    roles: Mapping[str, str]
    needed: tuple[str, ...]
    keeps: str
    """``shape`` or ``rows``, or ``none`` where the stride is a parameter."""
    tokens: bool = False
    least: int = 1
    """The fewest rows that it works on."""


PRELUDE = (
    OwnBlock(
        name="conv_bn",
        roles={"out": "out", "kernel": "kernel", "stride": "stride", "act": "act"},
        needed=("out", "kernel"),
        keeps="none",
        least=2,
    ),
    OwnBlock(
        name="mbconv",
        roles={
            "out": "out8",
            "kernel": "kernel",
            "expand": "expand",
            "stride": "stride",
            "act": "act",
            "se": "condition",
            "resize": "resize",
        },
        needed=("out", "kernel", "expand"),
        keeps="none",
        least=2,
    ),
    OwnBlock(
        name="shortcut_mbconv",
        roles={
            "out": "out8",
            "kernel": "kernel",
            "expand": "expand",
            "stride": "stride",
            "se": "condition",
            "act": "act",
        },
        needed=("out", "kernel", "expand"),
        keeps="none",
        least=2,
    ),
    OwnBlock(
        name="bottleneck",
        roles={"out": "out8", "expand": "half", "stride": "stride", "project": "true"},
        needed=("out", "expand", "project"),
        keeps="none",
        least=2,
    ),
    OwnBlock(
        name="convnext_block",
        roles={"kernel": "kernel", "expand": "expand", "act": "act"},
        needed=("kernel", "expand"),
        keeps="shape",
        least=2,
    ),
    OwnBlock(
        name="fbnet_layer",
        roles={"out": "out8", "stride": "stride"},
        needed=("out",),
        keeps="none",
        least=3,
    ),
    OwnBlock(
        name="vit_layer",
        roles={"heads": "heads", "ratio": "expand", "head_dim": "four", "act": "act"},
        needed=("heads", "ratio", "head_dim"),
        keeps="shape",
        tokens=True,
    ),
)


@dataclass(slots=True, kw_only=True)
class Generator:
    """Draws one space."""

    rng: random.Random
    values: Values
    left: int
    blocks: list[OwnBlock] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    strange: float = 0.1

    # Small helpers

    def chance(self, likely: float) -> bool:
        """Return true with this probability."""
        return self.rng.random() < likely

    def fresh(self, prefix: str = "", *, called: bool = False) -> str:
        """Return a name that is not taken, now and then an odd one; ``called`` one of a block."""
        pool = STRANGE if self.chance(self.strange) else PLAIN
        pool = [text for text in pool if not called or text not in HEADS]
        while True:
            text = prefix + self.rng.choice(pool)
            if text in self.used:
                text += str(self.rng.randrange(100))
            if text not in self.used:
                self.used.add(text)
                return text

    def label(self) -> syntax.Name | None:
        """Return a label, or none."""
        return name(self.fresh()) if self.chance(0.35) else None

    def call(
        self, callee: str, *positional: Expression, named: Mapping[str, Expression] | None = None
    ) -> syntax.Call:
        """Return a call, labelled or not."""
        arguments = [
            syntax.Argument(span=NOWHERE, name=None, value=value) for value in positional
        ] + [
            syntax.Argument(span=NOWHERE, name=name(key), value=value)
            for key, value in (named or {}).items()
        ]
        return syntax.Call(
            span=NOWHERE, label=self.label(), callee=name(callee), arguments=tuple(arguments)
        )

    def width(
        self, here: Here, by: int = 1, *, sets: bool = True, moving: bool = True
    ) -> tuple[Expression, tuple[int, ...]]:
        """Return a width and its values, multiples of ``by``."""
        pool = WIDTHS if by > 1 or self.chance(0.8) else (3, 5, 6, 7, 10)
        pool = tuple(v for v in pool if v % by == 0)
        copies = here.copies if sets else 0
        expr, found = self.values.size(
            here.scope,
            lambda v: not isinstance(v, str) and 1 <= v <= 32 and v % by == 0,
            pool,
            sets=copies,
            moving=moving,
        )
        return expr, found

    def known(self, expr: Expression, scope: Scope) -> Expression | None:
        """Return an expression that says the same again, or None for one that does not."""
        for part in syntax.walk(expr):
            if is_set(part, scope):
                return None
            if isinstance(part, syntax.Name):
                entry = scope.find(part.text)
                if entry is not None and entry.moving:
                    return None
        return expr

    # Bodies

    def body(
        self,
        feat: Feat,
        here: Here,
        count: int,
        goal: Expression | None = None,
        *,
        same: bool = False,
    ) -> tuple[tuple[Statement, ...], Feat]:
        """Return statements and what they give: of the width ``goal``, or of the ``same`` one."""
        statements: list[Statement] = []
        if same and feat.expr is None:
            here = replace(here, keep="shape")
        start = feat
        for _ in range(count):
            if self.left <= 0:
                break
            self.declare(statements, here)
            self.moves(feat, here)
            made, feat = self.statement(feat, here)
            statements += made
        wanted = goal if goal is not None else (start.expr if same else None)
        if wanted is not None and feat.expr != wanted:
            found = values(wanted, here.scope) or (4,)
            callee = "conv" if feat.rank == "image" else "linear"
            statements.append(self.call(callee, wanted))
            feat = replace(feat, widths=tuple(int(v) for v in found), expr=wanted)
        return used(statements, here.scope), feat

    def moves(self, feat: Feat, here: Here) -> None:
        """Give `in` its meaning where it follows the network from statement to statement."""
        if here.where == "space":
            here.scope.entries["in"] = Entry(kind="number", values=feat.widths, moving=True)

    def declare(self, statements: list[Statement], here: Here) -> None:
        """Now and then declare a choice, a value, a function or a default, or require something."""
        rng, scope, own = self.rng, here.scope, self.values
        if own.room > 1 and self.chance(0.22):
            pool: tuple[float, ...] = rng.choice(
                ((4, 8, 12, 16), (4, 8, 12, 16), (1, 2, 3), (1, 3, 5))
            )
            expr = own.set(pool)
            if self.chance(0.08):
                expr = set_of((0.5, 1.5)) if self.chance(0.5) else range_of(1, 2, 0.5)
            found = members(expr, scope)
            text = self.shadow(scope) if self.chance(0.06) else self.fresh()
            allocate = None
            if self.chance(0.15) and all(isinstance(v, int) for v in found):
                allocate = number(max(int(v) for v in found if not isinstance(v, str)) + 4)
            statements.append(
                syntax.Choice(span=NOWHERE, name=name(text), values=expr, allocate=allocate)
            )
            own.charge(expr, scope, 1)
            scope.entries[text] = Entry(kind="number", values=found)
        if self.chance(0.15):
            self.let(statements, here)
        if self.chance(0.06):
            statements.append(self.default(here))
        if self.chance(0.05):
            condition = own.condition(scope, 1, moving=False)
            found_values = values(condition, scope)
            if found_values and set(found_values) == {True, False}:
                statements.append(syntax.Require(span=NOWHERE, condition=condition))

    def shadow(self, scope: Scope) -> str:
        """Return a name of an outer body, which a new meaning hides; or a new name."""
        outer = scope.parent.visible("number") if scope.parent is not None else []
        names = [n for n in outer if n not in scope.entries and n not in ("in", "first", "index")]
        return self.rng.choice(names) if names else self.fresh()

    def let(self, statements: list[Statement], here: Here) -> None:
        """Name a value, a set, a condition, or a function."""
        rng, scope, own = self.rng, here.scope, self.values
        text = self.fresh()
        kind = rng.choice(("number", "number", "set", "flag", "function", "function"))
        parameters: tuple[str, ...] | None = None
        if kind == "number":
            expr, found = self.width(here)
            if self.chance(0.3):
                expr = own.number(scope, 2, here.copies)
                if values(expr, scope) is None:
                    return
            moves = any(
                isinstance(p, syntax.Name) and (e := scope.find(p.text)) is not None and e.moving
                for p in syntax.walk(expr)
            )
            entry = Entry(kind=kind, expr=expr, scope=_frozen(scope))
            if moves:  # the value stays, where what it was made of moves on
                entry = Entry(kind=kind, values=tuple(values(expr, scope) or found))
            if is_set(expr, scope):
                entry = Entry(kind="set", values=members(expr, scope))
        elif kind == "set":
            expr = own.set((4, 8, 12) if self.chance(0.6) else (1, 3, 5))
            entry = Entry(kind=kind, values=members(expr, scope))
        elif kind == "flag":
            expr = own.condition(scope, 1)
            found_values = values(expr, scope)
            if found_values is None:
                return
            entry = Entry(kind=kind, values=found_values)
        else:
            parameters = tuple(rng.sample(("a", "b", "c"), rng.choice((1, 1, 2))))
            inner = _frozen(scope).inner()
            inner.entries.update({p: Entry(kind="number", values=(2, 4)) for p in parameters})
            expr = own.number(inner, 2, 0, moving=False)
            entry = Entry(kind=kind, expr=expr, scope=_frozen(scope), parameters=parameters)
        names = None if parameters is None else tuple(map(name, parameters))
        statements.append(syntax.Let(span=NOWHERE, name=name(text), parameters=names, value=expr))
        scope.entries[text] = entry

    def default(self, here: Here) -> syntax.Default:
        """Give all later calls an argument that changes no shape."""
        callee, key, value = self.rng.choice(
            (
                ("bn", "eps", number(1e-3)),
                ("bn", "momentum", number(0.2)),
                ("conv", "bias", flag(True)),
                ("conv", "resize", name("crop")),
                ("dwconv", "bias", flag(True)),
                ("conv_bn", "act", name("tanh")),
                ("squeeze_excite", "gate", name("sigmoid")),
                ("ln", "eps", number(1e-4)),
                ("linear", "bias", flag(False)),
                ("conv_bn", "kernel", set_of((1, 3))),
                ("dwconv", "kernel", set_of((1, 3))),
            )
        )
        argument = syntax.Argument(span=NOWHERE, name=name(key), value=value)
        return syntax.Default(span=NOWHERE, callee=name(callee), arguments=(argument,))

    # Statements

    def statement(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return one statement, or a few that belong together."""
        self.left -= 1
        if here.where == "space" and here.deep == 0 and self.chance(0.3):
            return self.stage(feat, here)
        if here.deep < 3 and self.left > 0 and self.chance(0.45):
            return self.compound(feat, here)
        if self.chance(0.25):
            made = self.block_call(feat, here)
            if made is not None:
                return made
        return self.op(feat, here)

    def compound(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a statement with bodies."""
        kinds = ("if", "residual", "residual", "add", "concat", "oneof", "oneof")
        kind = self.rng.choice(kinds)
        make: dict[str, Callable[[Feat, Here], tuple[list[Statement], Feat]]] = {
            "if": self.if_,
            "residual": self.residual,
            "add": self.add,
            "concat": self.concat,
            "oneof": self.oneof,
        }
        return make[kind](feat, here)

    def inside(self, here: Here, keep: str | None = None) -> Here:
        """Return the place in an inner body."""
        keep = keep or ("rows" if here.keep == "any" else here.keep)
        return replace(here, scope=here.scope.inner(), deep=here.deep + 1, keep=keep)

    def few(self, *, empty: float = 0.1) -> int:
        """Return how many statements a body gets."""
        return 0 if self.chance(empty) else self.rng.choice((1, 1, 2, 2, 3))

    def if_(
        self, feat: Feat, here: Here, condition: Expression | None = None
    ) -> tuple[list[Statement], Feat]:
        condition = condition or self.values.condition(here.scope, 2)
        if values(condition, here.scope) is None:
            condition = flag(self.chance(0.5))
        then, a = self.body(feat, self.inside(here), self.few())
        orelse: tuple[Statement, ...] = ()
        b = feat
        if self.chance(0.6):
            if self.chance(0.25) and self.left > 1:
                nested, b = self.if_(feat, self.inside(here))
                orelse = tuple(nested)
            else:
                orelse, b = self.body(feat, self.inside(here), self.few())
        node = syntax.If(span=NOWHERE, condition=condition, then=then, orelse=orelse)
        return [node], _either(a, b, same=here.keep == "shape" and feat)

    def residual(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        before: list[Statement] = []
        if feat.expr is None and here.keep != "shape" and self.chance(0.6):
            before, feat = self.named(feat, here)
        condition = None
        inner = self.inside(here)
        if self.chance(0.3) and here.keep != "shape" and feat.rank == "image":
            expr, found = self.width(here, sets=False, moving=False)
            first = name("in") if here.where == "space" else (feat.expr or name("in"))
            condition = binary("==", first, expr)
            if self.chance(0.3):
                condition = binary("and", self.values.condition(here.scope, 1), condition)
            body, after = self.body(feat, inner, self.few(), expr)
            known = self.known(expr, here.scope)
            after = replace(after, widths=found, expr=known)
        else:
            body, after = self.body(feat, inner, self.few(), same=True)
            after = feat
        node = syntax.Residual(span=NOWHERE, condition=condition, body=body)
        return [*before, node], after

    def named(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Give the width that comes in a name: that of what is, or of a new layer."""
        if here.where == "space" and self.chance(0.5):
            text = self.fresh()
            let = syntax.Let(span=NOWHERE, name=name(text), parameters=None, value=name("in"))
            here.scope.entries[text] = Entry(kind="number", values=feat.widths)
            return [let], replace(feat, expr=name(text))
        expr, found = self.width(here, sets=False, moving=False)
        callee = "conv" if feat.rank == "image" else "linear"
        return [self.call(callee, expr)], replace(feat, widths=found, expr=expr)

    def add(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        goal: Expression | None = None
        found = feat.widths
        before: list[Statement] = []
        if here.keep != "shape" and self.chance(0.6):
            goal, found = self.width(here, sets=False, moving=False)
        elif feat.expr is None and here.keep != "shape":
            before, feat = self.named(feat, here)
            found = feat.widths
        ways = []
        for _ in range(self.rng.choice((2, 2, 3))):
            way, _ = self.body(feat, self.inside(here), self.few(empty=0.2), goal, same=not goal)
            ways.append(way)
        node = syntax.Branches(span=NOWHERE, op="add", branches=tuple(ways))
        expr = feat.expr if goal is None else self.known(goal, here.scope)
        return [*before, node], replace(feat, widths=found, expr=expr)

    def concat(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        if here.keep == "shape" or max(feat.widths) > 24:
            return self.add(feat, here)
        ways, total = [], {0}
        for _ in range(self.rng.choice((2, 2, 3))):
            way, after = self.body(feat, self.inside(here), self.few(empty=0.2))
            ways.append(way)
            total = {a + b for a in total for b in after.widths}
        node = syntax.Branches(span=NOWHERE, op="concat", branches=tuple(ways))
        return [node], replace(feat, widths=tuple(sorted(total))[:64], expr=None)

    def oneof(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        count = self.rng.choice((2, 2, 3))
        if self.values.room < 1.6 * here.copies:
            return self.op(feat, here)
        self.values.room -= 1.6 * here.copies
        options, after = [], None
        for text in self.rng.sample(PLAIN, count):
            body, given = self.body(feat, self.inside(here), self.few(empty=0.15))
            options.append(syntax.Option(span=NOWHERE, name=name(text), body=body))
            after = given if after is None else _either(after, given)
        assert after is not None
        label = self.label() or self.label()
        node = syntax.OneOf(span=NOWHERE, label=label, options=tuple(options))
        return [node], feat if here.keep == "shape" else after

    # Ops and calls

    def op(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a call of an op."""
        if feat.rank == "image":
            return self.image_op(feat, here)
        kinds = ["act", "ln", "identity"]
        if here.keep != "shape":
            kinds += ["linear", "linear", "linear"]
        if feat.rank == "tokens":
            kinds += ["attention", "attention"]
        match self.rng.choice(kinds):
            case "act":
                return [self.act()], feat
            case "linear":
                expr, found = self.width(here)
                named = {"bias": flag(self.chance(0.5))} if self.chance(0.3) else {}
                call = self.call("linear", expr, named=named)
                known = self.known(expr, here.scope)
                return [call], replace(feat, widths=found, expr=known)
            case "attention":
                return [self.attention(feat, here)], feat
            case kind:
                return [self.call(kind)], feat

    def attention(self, feat: Feat, here: Here) -> Statement:
        heads, _ = self.values.size(
            here.scope,
            lambda v: not isinstance(v, str) and 1 <= v <= 4,
            (1, 2, 3),
            sets=here.copies,
        )
        named: dict[str, Expression] = {"head_dim": number(self.rng.choice((2, 4)))}
        if self.chance(0.3):
            named["head_dim"], _ = self.values.size(
                here.scope,
                lambda v: not isinstance(v, str) and 1 <= v <= 8,
                (2, 4),
                sets=here.copies,
            )
        squares = all(any(t - n * n in (0, 1) for n in range(1, 9)) for t in feat.rows)
        if squares and self.chance(0.4):
            named["relative"] = number(self.rng.choice((0, 1, 2)))
        return self.call("attention", heads, named=named)

    def act(self) -> Statement:
        return self.call("act", name(self.rng.choice(ACTS)))

    def image_op(  # noqa: C901  (one case an op)
        self, feat: Feat, here: Here
    ) -> tuple[list[Statement], Feat]:
        rng = self.rng
        kinds = ["bn", "bn", "act", "dwconv", "ln", "identity", "squeeze_excite", "shuffle"]
        if here.keep != "shape":
            kinds += ["conv"] * 7
        if here.keep == "any":
            kinds += ["max_pool", "max_pool", "avg_pool"]
        match rng.choice(kinds):
            case "act":
                return [self.act()], feat
            case "bn":
                named: dict[str, Expression] = {}
                if self.chance(0.2):
                    named = {rng.choice(("eps", "momentum")): number(rng.choice((1e-3, 0.01)))}
                return [self.call("bn", named=named)], feat
            case "conv":
                return self.conv(feat, here)
            case "dwconv":
                named = {"kernel": self.kernel(feat, here)}
                feat = self.stride(feat, here, named)
                return [self.call("dwconv", named=self.extras(named))], feat
            case "squeeze_excite":
                expr, _ = self.width(here)
                named = {}
                if self.chance(0.3):
                    named = {rng.choice(("act", "gate")): name(rng.choice(ACTS))}
                return [self.call("squeeze_excite", expr, named=named)], feat
            case "shuffle":
                groups = [g for g in (1, 2, 3, 4) if all(w % g == 0 for w in feat.widths)]
                return [self.call("shuffle", number(rng.choice(groups)))], feat
            case "max_pool":
                named = {"kernel": number(rng.choice((1, 3)) if min(feat.rows) > 1 else 1)}
                feat = self.stride(feat, here, named, always=True)
                return [self.call("max_pool", named=named)], feat
            case "avg_pool":
                named = {}
                feat = self.stride(feat, here, named, always=True)
                return [self.call("avg_pool", named["stride"])], feat
            case kind:
                return [self.call(kind)], feat

    def conv(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        groups = [g for g in (2, 4) if all(w % g == 0 for w in feat.widths)]
        named: dict[str, Expression] = {}
        by = self.rng.choice(groups) if groups and self.chance(0.25) else 1
        expr, found = self.width(here, by)
        if self.chance(0.6):
            named["kernel"] = self.kernel(feat, here)
        if by > 1:
            named["groups"] = number(by)
        feat = self.stride(feat, here, named)
        call = self.call("conv", expr, named=self.extras(named))
        return [call], replace(feat, widths=found, expr=self.known(expr, here.scope))

    def kernel(self, feat: Feat, here: Here) -> Expression:
        most = 2 * min(feat.rows) - 1
        pool = tuple(k for k in (1, 3, 5) if k <= most)
        expr, _ = self.values.size(
            here.scope,
            lambda v: not isinstance(v, str) and v % 2 == 1 and 1 <= v <= most,
            pool,
            sets=here.copies,
        )
        return expr

    def stride(
        self, feat: Feat, here: Here, named: dict[str, Expression], *, always: bool = False
    ) -> Feat:
        """Add a stride where the rows may change; return what follows."""
        if here.keep != "any" or min(feat.rows) < 4 or not self.chance(0.7 if always else 0.2):
            if always:
                named["stride"] = number(1)
            return feat
        named["stride"] = number(2)
        rows = {(r - 1) // 2 + 1 for r in feat.rows}
        if here.where == "stage":
            named["stride"] = if_else(name("first"), number(2), number(1))
            rows |= set(feat.rows)
        return replace(feat, rows=tuple(sorted(rows)))

    def extras(self, named: dict[str, Expression]) -> dict[str, Expression]:
        if self.chance(0.2):
            named["bias"] = flag(self.chance(0.6))
        if self.chance(0.15):
            named["resize"] = name(self.rng.choice(("crop", "transform")))
        return named

    def block_call(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat] | None:
        """Return a call of a block that works on what comes in; None where there is none."""
        own = self.blocks * 5
        fitting = [b for b in (*PRELUDE, *own) if self.fits(b, feat, here)]
        if not fitting:
            return None
        block = self.rng.choice(fitting)
        before: list[Statement] = []
        if any(w % 4 or w > 32 for w in feat.widths):
            if here.keep == "shape":
                return None
            expr, found = self.width(here, 4, sets=False, moving=False)
            before = [self.call("conv" if feat.rank == "image" else "linear", expr)]
            feat = replace(feat, widths=found, expr=expr)
        given: dict[str, Expression] = {}
        for parameter, role in block.roles.items():
            if parameter in block.needed or self.chance(0.3):
                feat = self.argument(parameter, role, given, feat, here)
        self.left -= 1
        positional: list[Expression] = []
        for parameter in block.roles:
            if parameter not in given or not self.chance(0.3):
                break
            positional.append(given.pop(parameter))
        return [*before, self.call(block.name, *positional, named=given)], feat

    def fits(self, block: OwnBlock, feat: Feat, here: Here) -> bool:
        if block.tokens != (feat.rank == "tokens") or feat.rank == "vector":
            return False
        if here.keep == "shape" and block.keeps != "shape":
            return False
        return block.tokens or min(feat.rows) >= block.least

    def argument(  # noqa: C901  (one case a role)
        self, parameter: str, role: str, given: dict[str, Expression], feat: Feat, here: Here
    ) -> Feat:
        """Add the argument of a role; return what the block then gives."""
        rng = self.rng
        match role:
            case "out" | "out8":
                expr, found = self.width(here, 8 if role == "out8" else 4)
                given[parameter] = expr
                return replace(feat, widths=found, expr=self.known(expr, here.scope))
            case "kernel":
                given[parameter] = self.kernel(replace(feat, rows=(2,)), here)
            case "expand" | "heads":
                given[parameter], _ = self.values.size(
                    here.scope,
                    lambda v: not isinstance(v, str) and 1 <= v <= 3,
                    (1, 2),
                    sets=here.copies,
                )
            case "stride":
                return self.stride(feat, here, given, always=parameter in given)
            case "act":
                given[parameter] = name(rng.choice(ACTS))
            case "resize":
                given[parameter] = name(rng.choice(("crop", "transform")))
            case "condition":
                given[parameter] = flag(self.chance(0.5))
                condition = self.values.condition(here.scope, 1)
                if self.chance(0.5) and values(condition, here.scope) is not None:
                    given[parameter] = condition
            case "idle":
                given[parameter] = number(1)
            case "true":
                given[parameter] = flag(True)
            case "half":
                given[parameter] = set_of((0.5, 1)) if self.values.room > here.copies else number(1)
                self.values.charge(given[parameter], here.scope, here.copies)
            case "four":
                given[parameter] = number(4)
        return feat

    # Stages

    def stage(self, feat: Feat, here: Here) -> tuple[list[Statement], Feat]:
        """Return a stage whose blocks give a width that does not depend on what comes in."""
        rng, text = self.rng, self.fresh("s" if self.chance(0.5) else "")
        low, high = rng.choice(((0, 2), (1, 2), (1, 3), (2, 2), (0, 1), (2, 3)))
        depth: Expression = range_of(low, high, None) if low < high else number(high)
        if self.chance(0.2) and low < high:
            depth = set_of((low, high))
        if self.chance(0.1) and low < high:
            static = [n for n in here.scope.visible("flag") if self._static(here.scope, n)]
            if static:
                depth = if_else(name(rng.choice(static)), depth, number(high))
        self.values.room -= 1
        scope = here.scope.inner()
        goal: Expression | None = None
        entering = feat.widths
        if self.chance(0.65):
            goal, found = self.width(here, 4, sets=False, moving=False)
            entering = tuple(sorted({*feat.widths, *found}))
        scope.entries["in"] = Entry(kind="number", values=entering, moving=True)
        scope.entries["first"] = Entry(kind="flag", values=(True, False))
        scope.entries["index"] = Entry(kind="number", values=tuple(range(high)))
        keep = "any" if self.chance(0.3) and feat.rank == "image" else "rows"
        if goal is None:
            keep = "shape"
        inner = replace(here, scope=scope, where="stage", copies=high, deep=1, keep=keep)
        flowing = replace(feat, widths=entering, expr=name("in"))
        body, after = self.body(flowing, inner, rng.choice((1, 1, 2, 3)), goal)
        if not any(isinstance(s, syntax.Call) for s in body):
            body = (*body, self.call("bn" if feat.rank == "image" else "ln"))
        rows = tuple(sorted({*feat.rows, *after.rows}))
        widths = entering if goal is not None else feat.widths
        expr = feat.expr if goal is None else None
        here.scope.entries[text] = Entry(kind="stage", values=(low, high))
        node = syntax.Stage(span=NOWHERE, name=name(text), depth=depth, body=body)
        return [node], replace(feat, widths=widths, rows=rows, expr=expr)

    def _static(self, scope: Scope, text: str) -> bool:
        entry = scope.find(text)
        return entry is not None and entry.fixed


def _frozen(scope: Scope) -> Scope:
    """Return a scope that sees what is visible now, whatever is added later."""
    return Scope(parent=scope.parent, entries=dict(scope.entries))


def _either(a: Feat, b: Feat, same: object = False) -> Feat:
    """Return what one of two ways gives."""
    if isinstance(same, Feat):
        return same
    return Feat(
        rank=a.rank,
        widths=tuple(sorted({*a.widths, *b.widths})),
        rows=tuple(sorted({*a.rows, *b.rows})),
        expr=a.expr if a.expr is not None and a.expr == b.expr else None,
    )


def names_in(node: object) -> set[str]:
    """Return all names in a syntax tree."""
    if isinstance(node, syntax.Name):
        return {node.text}
    if isinstance(node, tuple):
        return set().union(*map(names_in, node)) if node else set()
    if dataclasses.is_dataclass(node) and isinstance(node, syntax.Node):
        parts = (getattr(node, f.name) for f in dataclasses.fields(node) if f.name != "span")
        return set().union(*map(names_in, parts))
    return set()


def used(statements: list[Statement], scope: Scope) -> tuple[Statement, ...]:
    """Return the statements without choices, and values made of sets, that nothing speaks of.

    The scope forgets their names.
    """
    kept: list[Statement] = []
    seen: set[str] = set()
    for statement in reversed(statements):
        if isinstance(statement, syntax.Choice | syntax.Let):
            text = statement.name.text
            if text not in seen and _opens(statement):
                scope.entries.pop(text, None)
                continue
            seen.discard(text)
        kept.append(statement)
        seen |= names_in(statement)
    return tuple(reversed(kept))


def _opens(statement: syntax.Choice | syntax.Let) -> bool:
    """Return whether a statement makes dimensions, be they used or not."""
    if isinstance(statement, syntax.Choice):
        return True
    inner = list(syntax.walk(statement.value))[1:]
    return any(isinstance(part, syntax.SetLit | syntax.RangeLit | syntax.Name) for part in inner)
