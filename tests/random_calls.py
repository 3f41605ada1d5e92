"""Random calls of ops and blocks, and what flows through them.

In: what comes in, and the names in scope. Out: a call that fits, and what it gives.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from random_values import (
    Scope,
    Values,
    flag,
    if_else,
    is_set,
    name,
    number,
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
    kind: str = "space"
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
        roles={
            "heads": "heads",
            "ratio": "expand",
            "head_dim": "four",
            "relative": "idle",
            "act": "act",
        },
        needed=("heads", "ratio", "head_dim"),
        keeps="shape",
        tokens=True,
    ),
)


@dataclass(slots=True, kw_only=True)
class Calls:
    """Draws calls; ``left`` is how many statements the space still gets."""

    rng: random.Random
    values: Values
    left: int
    blocks: list[OwnBlock] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    strange: float = 0.1

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
        pool: tuple[int, ...] = WIDTHS if by > 1 or self.chance(0.8) else (3, 5, 6, 7, 10)
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

    def block_call(
        self, feat: Feat, here: Here, *, own: bool | None = None
    ) -> tuple[list[Statement], Feat] | None:
        """Return a call of a block that works on what comes in; None where there is none."""
        known = (*PRELUDE, *self.blocks * 5)
        if own is not None:
            known = tuple(self.blocks) if own else PRELUDE
        fitting = [block for block in known if self.fits(block, feat, here)]
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
                given[parameter] = number(0)
            case "true":
                given[parameter] = flag(True)
            case "half":
                given[parameter] = set_of((0.5, 1)) if self.values.room > here.copies else number(1)
                self.values.charge(given[parameter], here.scope, here.copies)
            case "four":
                given[parameter] = number(4)
        return feat
