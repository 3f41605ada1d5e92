"""How many processes read images."""

from __future__ import annotations

import os

from ofadsl.train.data.source import Data

_MOST = 8


def workers_for(data: Data) -> int:
    """Return how many serve each process that trains or evaluates; none for what is in memory."""
    if data.name == "digits":
        return 0
    local = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return min(_MOST, max(1, (os.cpu_count() or 1) // local))
