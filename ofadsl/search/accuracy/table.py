"""An accuracy as a table: archs outside it are not considered."""

from __future__ import annotations

import numpy as np

from ofadsl.search.accuracy.evals import Evals
from ofadsl.search.front import Archs, Floats
from ofadsl.search.genetic import hashed
from ofadsl.search.problem import Cost


def looked_up(evals: Evals) -> Cost:
    """Return the accuracy of archs of the table."""
    keys = hashed(evals.x)
    order = np.argsort(keys)
    keys, values = keys[order], evals.y[order]

    def accuracy(x: Archs) -> Floats:
        wanted = hashed(x)
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        assert (keys[places] == wanted).all(), "an arch outside the table"
        return np.asarray(values[places])

    return accuracy
