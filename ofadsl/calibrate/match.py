"""Find the entry of a table that a layer asks for; the nearest is never good enough."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ofadsl.calibrate.block import Block, Blocks

_ROUNDED = 8  # channels that are made divisible by 8 are less than so far from the product

Entry = tuple[float, float]
"""The mean and the deviation."""


class Lookup:
    """The entries of a table by all that has to be equal: everything but the middle channels."""

    def __init__(self, table: Blocks) -> None:
        self._entries: dict[Block, list[tuple[Block, Entry]]] = {}
        for block, entry in table.entries.items():
            self._entries.setdefault(_frame(block), []).append((block, entry))
        self._resolutions = {block.resolution for block in table.entries} - {None}

    def find(self, block: Block) -> Entry | None:
        """Return the entry of a block, or None.

        A classifier that sees one pixel is the same at each resolution: the mean of its entries.
        """
        resolutions = {block.resolution, None}
        if block.resolution is None:
            resolutions |= self._resolutions
        found = []
        for resolution in resolutions:
            same = self._entries.get(replace(_frame(block), resolution=resolution), [])
            if (entry := _nearest(same, block.middle)) is not None:
                found.append(entry)
        if not found:
            return None
        mean, deviation = np.mean(found, axis=0)
        return float(mean), float(deviation)


def _frame(block: Block) -> Block:
    return replace(block, expand=0)


def _nearest(entries: list[tuple[Block, Entry]], middle: int) -> Entry | None:
    """Return the entry whose middle channels are those asked for, as far as rounding goes."""
    apart = sorted((abs(block.middle - middle), i) for i, (block, _) in enumerate(entries))
    apart = [pair for pair in apart if pair[0] < _ROUNDED]
    if not apart or (len(apart) > 1 and apart[0][0] == apart[1][0]):
        return None
    return entries[apart[0][1]][1]
