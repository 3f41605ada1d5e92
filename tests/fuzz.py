"""Judges new random spaces until the time is over: `make fuzz SECONDS=600 SEED=1000`.

In: seconds, the first seed, a file for the record. Out: a line for each batch in the record, and
for each kind of fault that was found the smallest space that shows it, as a test to paste.
Without a seed it goes on behind the last one of the record.
"""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from random_spaces import RandomSpace, random_space
from shrink_spaces import shrunk
from space_oracle import Verdict, judge

BATCH = 25
FIRST = 100_000
"""Below this are the seeds of the tests."""
TRIES = 400
"""So many smaller spaces are judged for one fault."""


@dataclass(slots=True, kw_only=True)
class Batch:
    """What became of the spaces of some seeds."""

    first: int
    last: int
    seconds: float = 0.0
    accepted: int = 0
    refused: int = 0
    undecided: int = 0
    confirmed: int = 0
    """Counterexamples of the compiler that were tried and do break."""
    unconfirmed: int = 0
    codes: dict[str, int] = field(default_factory=dict)
    findings: list[dict[str, Any]] = field(default_factory=list)


def main() -> int:
    """Run from the command line; return 1 where a fault was found."""
    parser = argparse.ArgumentParser(description="Judge new random spaces.")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, help="the first one; else behind those of the record")
    parser.add_argument(
        "--record", type=Path, help="a file that gets a line of JSON for each batch"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)
    first = given.seed if given.seed is not None else _next(given.record)
    end = time.monotonic() + given.seconds
    known: set[str] = set()
    total = Batch(first=first, last=first - 1)
    for batch in _batches(first, end, known):
        if given.record is not None:
            with given.record.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(batch)) + "\n")
        _add(total, batch)
        print(_line(batch), flush=True)
    print(f"in all: {_line(total)}")
    return 1 if total.findings else 0


def _next(record: Path | None) -> int:
    """Return the seed behind the last one of a record."""
    if record is None or not record.exists():
        return FIRST
    lasts = [int(json.loads(line)["last"]) for line in record.read_text().splitlines() if line]
    return max([FIRST - 1, *lasts]) + 1


def _batches(seed: int, end: float, known: set[str]) -> Iterator[Batch]:
    while time.monotonic() < end:
        begun = time.monotonic()
        batch = Batch(first=seed, last=seed - 1)
        while batch.last - batch.first + 1 < BATCH and time.monotonic() < end:
            space = random_space(seed)
            verdict = _judged(space)
            batch.last = seed
            batch.accepted += verdict.accepted
            batch.refused += not verdict.accepted
            batch.undecided += verdict.undecided
            batch.confirmed += verdict.confirmed
            batch.unconfirmed += len(verdict.unconfirmed)
            _count(batch.codes, Counter(verdict.codes[:1]))
            for kind in dict.fromkeys(finding.kind for finding in verdict.findings):
                found: dict[str, Any] = {"seed": seed, "kind": kind}
                if kind not in known:
                    known.add(kind)
                    found |= _smallest(space, kind)
                    print(_test(found, seed), flush=True)
                batch.findings.append(found)
            seed += 1
        batch.seconds = round(time.monotonic() - begun, 1)
        yield batch


def _judged(space: RandomSpace) -> Verdict:
    return judge(space.texts(), space.settings, {"main.ofa": space.main, **space.imports})


def _smallest(space: RandomSpace, kind: str) -> dict[str, Any]:
    """Return the texts of the smallest space that shows a fault, and what is seen of it."""

    def shows(candidate: RandomSpace) -> bool:
        return any(finding.kind == kind for finding in _judged(candidate).findings)

    small = shrunk(space, shows, TRIES)
    details = [f.detail for f in _judged(small).findings if f.kind == kind]
    return {
        "texts": small.texts(),
        "settings": dict(small.settings),
        "detail": details[0] if details else "",
    }


def _test(found: dict[str, Any], seed: int) -> str:
    """Return a test that fails as long as the fault is there."""
    texts = "".join(
        f"        {path!r}: '''\n{textwrap.indent(text.strip(), ' ' * 12)}\n        ''',\n"
        for path, text in found["texts"].items()
    )
    detail = textwrap.indent(found["detail"].strip()[-1500:], "    # ")
    return (
        f"\n# seed {seed}: {found['kind']}\n"
        f"def test_seed_{seed}() -> None:\n{detail}\n    texts = {{\n{texts}    }}\n"
        f"    assert not judge(texts, {found['settings']!r}).findings\n"
    )


def _add(total: Batch, batch: Batch) -> None:
    total.last = batch.last
    for key in ("seconds", "accepted", "refused", "undecided", "confirmed", "unconfirmed"):
        setattr(total, key, getattr(total, key) + getattr(batch, key))
    _count(total.codes, batch.codes)
    total.findings += batch.findings


def _count(codes: dict[str, int], more: Mapping[str, int]) -> None:
    for code, count in more.items():
        codes[code] = codes.get(code, 0) + count


def _line(batch: Batch) -> str:
    codes = ", ".join(f"{code} {count}" for code, count in sorted(batch.codes.items()))
    return (
        f"seeds {batch.first} to {batch.last}: {batch.accepted} accepted, {batch.refused} refused "
        f"({codes}), {batch.undecided} undecided, {batch.confirmed} counterexamples confirmed, "
        f"{len(batch.findings)} findings, {batch.seconds:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
