"""What commands print: answers as lines, or as JSON."""

from __future__ import annotations

from typing import Any

import click


def print_answer(answer: Any, as_json: bool) -> None:
    """Print an Answer."""
    if as_json:
        print_json(answer.data)
        return
    for line in answer.lines:
        click.echo(line)


def print_json(data: object) -> None:
    """Print data as JSON."""
    import json

    click.echo(json.dumps(data, indent=2))
