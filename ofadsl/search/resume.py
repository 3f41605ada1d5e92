"""The state of a search as a file, so that it can go on: archs only, no pickle.

What they cost is computed again. The state says of which search it is: of another it is refused.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ofadsl.diagnostics import fault
from ofadsl.search.arrays import read_arrays
from ofadsl.search.genetic import State
from ofadsl.search.problem import Problem
from ofadsl.search.solve import Progress

_ARRAYS = ("front", "nearest", "population", "seen", "counts")


def digest(said: Mapping[str, object]) -> str:
    """Return one number for all that a search depends on."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def state_bytes(progress: Progress, search: str) -> bytes:
    """Return the file of a search."""
    state = progress.state
    empty = progress.front.x[:0]
    file = io.BytesIO()
    np.savez_compressed(
        file,
        head=np.array(json.dumps({"search": search, "method": progress.method})),
        front=progress.front.x if state is None else state.front.x,
        nearest=progress.nearest.x,
        population=empty if state is None else state.population.x,
        seen=np.array([] if state is None else _seen(state, progress.evaluations), np.uint64),
        counts=np.array(
            [progress.evaluations, -1 if state is None else state.generation], np.int64
        ),
    )
    return file.getvalue()


def _seen(state: State, evaluations: int) -> list[int]:
    return sorted(itertools.islice(state.seen, evaluations))


def read_state(path: Path, search: str, problem: Problem) -> Progress:
    """Return the search of a file; OFA235 where it is another, or none."""
    try:
        found = read_arrays(path)
        head = json.loads(str(found["head"][()]))
        arrays = {name: found[name] for name in _ARRAYS}
        evaluations, generation = map(int, arrays["counts"].tolist())
    except FileNotFoundError as error:
        message = f"there is no search to go on with: {path} is not there"
        raise fault("OFA235", message, help="leave --resume out") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        message = f"{path} is no state of a search"
        raise fault("OFA235", message, help="leave --resume out") from error
    if not isinstance(head, dict) or head.get("search") != search:
        message = f"{path} is the state of another search"
        help = "a search goes on with the same options; --generations and --time may change"
        raise fault("OFA235", message, help=help)
    evaluated = {}
    for name in ("front", "nearest", "population"):
        x = arrays[name]
        if x.dtype != np.uint8 or x.ndim != 2 or not problem.domain.inside(x):
            raise fault("OFA235", f"{path} holds archs of another space")
        evaluated[name] = problem.evaluate(x)
    state = None
    if generation >= 0:
        state = State(
            generation=generation,
            population=evaluated["population"],
            front=evaluated["front"],
            seen=dict.fromkeys(arrays["seen"].tolist()),
        )
    return Progress(
        front=evaluated["front"],
        nearest=evaluated["nearest"],
        evaluations=evaluations,
        method=str(head.get("method", "")),
        state=state,
    )
