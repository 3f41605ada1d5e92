"""Random schedules of the language, to stand beside a random space."""

from __future__ import annotations

import random

from random_values import binary, name, number, set_of
from trees import NOWHERE

from ofadsl.compiler import syntax


def random_schedule(rng: random.Random, called: str) -> syntax.ScheduleDecl:
    """Return a schedule that fits any space: what it unlocks may be missing."""
    loss = syntax.SetLit(span=NOWHERE, items=(name("kl"), name("mse")))
    parameters = (
        syntax.Parameter(span=NOWHERE, name=name("n"), default=number(2)),
        syntax.Parameter(span=NOWHERE, name=name("lossy"), default=name("kl"), allowed=loss),
        syntax.Parameter(
            span=NOWHERE, name=name("later"), default=number(1.0), allowed=set_of((0.5, 1.0))
        ),
    )
    first = syntax.Phase(
        span=NOWHERE, name=name("begin"), epochs=number(2), body=(_setting("largest"),)
    )
    phases = [first, *(_phase(rng, f"p{i}") for i in range(rng.choice((0, 1, 2, 3))))]
    last = syntax.Unlock(span=NOWHERE, dimension=name("all"), part=None, if_any=True)
    body: tuple[syntax.Instruction, ...] = (last, _setting("sandwich", name("n")), _distil(rng))
    phases.append(syntax.Phase(span=NOWHERE, name=name("rest"), epochs=number(0.5), body=body))
    kept = parameters[: rng.choice((1, 3))] if rng.random() < 0.2 else parameters
    if len(kept) < 3:
        kept = parameters
    return syntax.ScheduleDecl(span=NOWHERE, name=name(called), parameters=kept, body=tuple(phases))


def _phase(rng: random.Random, called: str) -> syntax.Phase:
    key = rng.choice(("kernel", "depth", "expand", "out"))
    part: syntax.Largest | syntax.From | None = rng.choice(
        (
            None,
            syntax.Largest(span=NOWHERE, number=number(2)),
            syntax.From(span=NOWHERE, least=binary("-", number(3), number(2))),
        )
    )
    body: list[syntax.Instruction] = [
        syntax.Unlock(span=NOWHERE, dimension=name(key), part=part, if_any=True)
    ]
    if rng.random() < 0.3:
        body.insert(0, _setting("sort", name("channels")))
    sampler = rng.choice(("sample", "sandwich", "smallest", "fixed"))
    value = name("n") if sampler in ("sample", "sandwich") else None
    body.append(_setting(sampler, value))
    body += rng.sample(
        [
            _setting("learning_rate", number(0.05)),
            _setting("rate_scale", binary("*", name("later"), number(0.1))),
            _setting("warmup", number(0.5)),
            _setting("decay", name("constant")),
        ],
        rng.choice((0, 1, 2)),
    )
    epochs = binary("*", number(1), name("n"))
    return syntax.Phase(span=NOWHERE, name=name(called), epochs=epochs, body=tuple(body))


def _distil(rng: random.Random) -> syntax.Distil:
    teacher = rng.choice(("in_place", "largest"))
    given = (("loss", name("lossy")), ("ratio", number(0.5)))
    arguments = tuple(syntax.Argument(span=NOWHERE, name=name(k), value=v) for k, v in given)
    return syntax.Distil(span=NOWHERE, teacher=name(teacher), arguments=arguments)


def _setting(word: str, value: syntax.Expression | None = None) -> syntax.Setting:
    return syntax.Setting(span=NOWHERE, word=name(word), value=value)
