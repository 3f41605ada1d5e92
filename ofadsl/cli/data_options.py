"""Options on images that the commands which read them share."""

from __future__ import annotations

import click

from ofadsl.cli.options import Finite
from ofadsl.train.data.augment import RECIPES

DATA = click.option("--data", required=True, metavar="DIR|digits", help="Images, by class.")
RECIPE = click.option(
    "--recipe",
    type=click.Choice(list(RECIPES)),
    help="How images are cropped and augmented; default: by their size.",
)
VAL_PART = click.option(
    "--val-part",
    default=0.1,
    show_default=True,
    type=Finite(0, 1, min_open=True, max_open=True),
    help="What is kept for validation where DIR has no val/.",
)
BROKEN = click.option(
    "--broken",
    default="refuse",
    show_default=True,
    type=click.Choice(["skip", "refuse"]),
    help="What becomes of images that cannot be read.",
)
LIMIT = click.option("--limit", type=click.IntRange(1), help="The most images of each part.")
WORKERS = click.option(
    "--workers",
    type=click.IntRange(0),
    help="Processes that read images; default: by the number of CPUs.",
)
