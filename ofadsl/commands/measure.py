"""The road of `ofadsl measure`: a space in, a table of what its subnets take on a device out.

Archs are chosen by what they tell, specialised with random weights, timed in turns, and appended
to the table as they are measured; the same command goes on where it was stopped.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

import ofadsl
from ofadsl.calibrate.archs import Target, target_of
from ofadsl.calibrate.features import Archs
from ofadsl.calibrate.measure.candidates import at_resolutions, chosen, drawn, middle
from ofadsl.calibrate.measure.given import read_archs
from ofadsl.calibrate.measure.journal import Journal, open_journal
from ofadsl.calibrate.measure.session import Plan, Session, Step, measured
from ofadsl.calibrate.measure.visit import Timed
from ofadsl.commands.answer import Answer
from ofadsl.commands.foreign import with_foreign
from ofadsl.commands.packages import load_package
from ofadsl.commands.runners import (
    Setting,
    check_setting,
    clock,
    machine,
    on_threads,
    runner,
    versions,
)
from ofadsl.compiler.emit.text import shown_path
from ofadsl.diagnostics import Diagnostics, fault
from ofadsl.files import held, writing
from ofadsl.space import Space
from ofadsl.specialize.pipeline import specialize

_FEW = 50
_CLOCKS = ("timed by the wall clock", "timed by the thread: waits for a core are not counted")
_MEMORY = 2**30  # bytes of weights that are loaded at a time, at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to measure, and how."""

    space: Path
    output: Path
    number: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    setting: Setting = field(default_factory=Setting)
    name: str | None = None
    seed: int = 0
    resolutions: Sequence[int] = ()
    archs: Path | None = None
    """Archs to measure instead of chosen ones."""
    random: bool = False
    limit: float = float("inf")
    """Seconds after which it stops."""
    plan: Plan = field(default_factory=Plan)


Watch = Callable[[Step], None]
Load = Callable[[Archs], Timed]


def measure(request: Request, watch: Watch = lambda step: None) -> Answer:
    """Measure what the table lacks; an arch's row is kept whatever happens after."""
    check_setting(request.setting)
    if request.output.suffix.lower() != ".jsonl":
        message = f"{request.output} would be read as another form of table, by its name"
        raise fault("OFA129", message, help="name it as TABLE.jsonl")
    target = target_of(request.space, request.settings, shown_path(request.space))
    said: dict[str, None] = {}
    target = with_foreign(target, request.space, request.settings, said.setdefault)
    space = at_resolutions(target, request.resolutions)
    wanted = _wanted(request, target, space)
    with _alone(request.output):
        return _added(request, target, space, wanted, said, watch)


def _added(
    request: Request,
    target: Target,
    space: Space,
    wanted: Archs,
    said: Iterable[str],
    watch: Watch,
) -> Answer:
    """Add the archs that the table lacks."""
    journal = _journal(request, target, space)
    there = {_key(_encoded(row.arch, target, request.output)) for row in journal.rows}
    todo = [x for x in wanted if _key(x) not in there]
    notes = [f"note: {note}" for note in (*said, *journal.notes)]
    before = len(journal.rows)
    if todo:
        if before:
            notes.append(f"{request.output} goes on from {before} measurements")
        with on_threads(request.setting.threads):
            _measure(request, target, journal, todo, watch)
    added = len(journal.rows) - before
    missing = len(todo) - added
    if todo and not added:
        message = f"{request.limit:.0f} seconds do not suffice for a first group of subnets"
        raise fault("OFA149", message, help="give --time more; what is measured is kept")
    if not missing:
        with writing(request.output):
            journal.finish()
    lines = [*notes, f"{added} archs measured, {len(journal.rows)} in {request.output}"]
    if missing:
        lines.append(f"time is up with {missing} to go: the same command goes on")
    data = {"file": str(request.output), "measured": added, "rows": len(journal.rows)}
    return Answer(lines=tuple(lines), data={**data, "missing": missing, "notes": notes})


def _wanted(request: Request, target: Target, space: Space) -> Archs:
    """Return the archs to measure, in order."""
    if request.archs is not None:
        return read_archs(request.archs, target.encode)[: request.number]
    number = request.number or _FEW
    if request.random:
        return drawn(space, number, request.seed)
    return chosen(target, space, number, request.seed)


def _journal(request: Request, target: Target, space: Space) -> Journal:
    setting = request.setting
    reference = middle(target, space, request.seed)
    name = machine(setting)
    header = {
        "space": target.space.name,
        "space_hash": target.hash,
        "settings": dict(request.settings),
        "device": request.name or name,
        "machine": name,
        "batch": setting.batch,
        "threads": setting.threads,
        "dtype": str(setting.type).removeprefix("torch."),
        "runtime": setting.runtime,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {"ofadsl": ofadsl.__version__, **versions(setting)},
        "note": _CLOCKS[clock(setting) is time.thread_time],
        "reference": {"arch": target.cost.decode(reference[None])[0], "latency_ms": None},
    }
    with writing(request.output):
        return open_journal(request.output, header)


def _measure(
    request: Request, target: Target, journal: Journal, todo: Sequence[Archs], watch: Watch
) -> None:
    limit = time.monotonic() + request.limit
    load, loaded = loader(request, target)
    known = _encoded(journal.header["reference"]["arch"], target, request.output)
    session = Session(
        load=lambda number: load(todo[number]),
        reference=load(known),
        archs=len(todo),
        plan=replace(request.plan, loaded=min(request.plan.loaded, loaded)),
        rng=random.Random(request.seed),
        watch=watch,
        limit=limit,
    )
    for group in measured(session):
        archs = target.cost.decode(np.stack([todo[found.number] for found in group]))
        when = datetime.now(UTC).isoformat(timespec="seconds")
        with writing(request.output):
            journal.append(tuple(zip(archs, group, strict=True)), when)


def loader(request: Request, target: Target) -> tuple[Load, int]:
    """Return what makes a timed subnet of choices, and how many to hold at a time."""
    package = load_package(request.space, request.settings)
    supernet = package.supernet()
    _spread(supernet)
    setting = request.setting
    generator = torch.Generator().manual_seed(0)

    def load(x: Archs) -> Timed:
        arch: Any = package.module.Arch.from_dict(target.cost.decode(x[None])[0])
        size = (setting.batch, package.module.CHANNELS, arch.resolution, arch.resolution)
        image = torch.randn(*size, generator=generator)
        return runner(specialize(supernet, arch), image, setting)

    weights = sum(parameter.numel() for parameter in supernet.parameters()) * 4
    return load, max(2, _MEMORY // weights)


def _spread(supernet: torch.nn.Module) -> None:
    """Make random weights that keep features at their size: what fades away is slow to compute."""
    generator = torch.Generator().manual_seed(0)
    for parameter in supernet.parameters():
        if parameter.ndim > 1:
            torch.nn.init.kaiming_normal_(parameter, nonlinearity="relu", generator=generator)


def _encoded(arch: object, target: Target, path: Path) -> Archs:
    try:
        return target.encode(arch)
    except (ValueError, Diagnostics) as error:
        message = f"{path} holds an arch that {target.space.name} has not: {str(error)[:200]}"
        raise fault("OFA143", message, help="give another file with -o") from error


def _key(x: Archs) -> bytes:
    return x.astype(np.uint8).tobytes()


@contextlib.contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep a table for this process: rows of two would be mixed, and each disturbs the other."""
    with contextlib.ExitStack() as stack:
        with writing(path):
            try:
                stack.enter_context(held(path))
            except BlockingIOError as error:
                message = f"{path} is being measured by another process"
                help = "wait for it: two at a time would time each other"
                raise fault("OFA150", message, help=help) from error
        yield
