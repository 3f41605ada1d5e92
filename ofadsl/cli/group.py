"""The root of the command line, and how a mistake ends it."""

from __future__ import annotations

import contextlib
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from ofadsl.diagnostics import Diagnostic, Diagnostics

REPORT = "this is a mistake of ofadsl, not yours: please report it with the lines above"

KEPT = {
    "train": ": go on with --resume, from the last checkpoint",
    "evaluate": ": what was evaluated is kept, and the same command goes on",
    "measure": ": what was measured is kept, and the same command goes on",
}
"""What becomes of the work of a command that is interrupted."""


class Group(click.Group):
    """Commands that report a user's mistakes as diagnostics, and end quietly when interrupted.

    ``modules`` names, for each command, the module of this package that holds it.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands as a person comes to need them."""
        return list(self.modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, imported when it is first asked for."""
        if cmd_name in self.modules and cmd_name not in self.commands:
            module = importlib.import_module(f"ofadsl.cli.{self.modules[cmd_name]}")
            found = (value for value in vars(module).values() if isinstance(value, click.Command))
            self.add_command(next(command for command in found if command.name == cmd_name))
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, to the end of its sentence."""
        commands = [self.get_command(ctx, name) for name in self.modules]
        rows = [(c.name or "", c.get_short_help_str(200)) for c in commands if c is not None]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Read the arguments and run a command; end in a line where nobody takes what it prints."""
        try:
            return super().main(*args, **kwargs)
        except OSError as error:
            _end_refused(error)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; turn Diagnostics into exit status 1."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            _forget_output()
            ctx.exit(1)
        except KeyboardInterrupt:
            name = ctx.invoked_subcommand or ""
            click.echo(f"\nstopped{KEPT.get(name, '')}", err=True)
            ctx.exit(130)
        except AssertionError:
            import traceback

            traceback.print_exc()
            click.echo(REPORT, err=True)
            ctx.exit(1)
        except Exception as error:
            from ofadsl.diagnostics import Diagnostics

            if not isinstance(error, Diagnostics):
                raise
            fail(error)


def _end_refused(error: OSError) -> NoReturn:
    """End where the system refuses: mostly what a command prints, to a disk that is full."""
    from ofadsl.diagnostics import fault

    reason = (error.strerror or str(error)).lower()
    message = f"the output cannot be written: {reason}"
    help = "make room where the output goes, or send it elsewhere"
    if error.filename is not None:
        message = f"{error.filename} cannot be read or written: {reason}"
        help = "look at the path and at its rights, or make room"
    _forget_output()
    with contextlib.suppress(OSError):  # what takes the errors may be full as well
        warn(fault("OFA099", message, help=help).items)
    _forget_output()
    sys.exit(1)


def _forget_output() -> None:
    """Let go of what could not be printed: Python would fail on it again at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # None: it was closed before the start
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail(report: Diagnostics) -> None:
    """Print diagnostics and end."""
    warn(report.items)
    sys.exit(1)


def warn(items: Sequence[Diagnostic]) -> None:
    """Print diagnostics to the error stream, if there are any."""
    from ofadsl.diagnostics import render

    color = sys.stderr is not None and sys.stderr.isatty() and "NO_COLOR" not in os.environ
    if items:
        click.echo(render(items, color=color), err=True, color=color)
