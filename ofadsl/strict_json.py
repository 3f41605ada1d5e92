"""JSON that two readers cannot understand differently: each key once, no NaN, no infinity."""

from __future__ import annotations

import json


def strict_json(text: str) -> object:
    """Return what a JSON text says.

    ValueError for NaN, for keys that stand twice and for what is nested too deeply to be read.
    """

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands twice")
        return found

    def no_number(word: str) -> object:
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
