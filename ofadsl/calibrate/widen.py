"""By how much intervals are wider than the variance of a model says.

In: the errors on samples as if each had been left out, relative to what was measured, and what
was expected of them. Out: a factor, believed as far as samples go.
"""

from __future__ import annotations

import numpy as np

from ofadsl.calibrate.gate import Gate, capped
from ofadsl.calibrate.nnls import Floats

_MOST = 0.935  # of the samples are to be covered: bursts of slowness come and go
_USUAL, _SAFE = 1.1, 15.0  # what is believed before, and the samples that count as much
_CHOSEN = 4.0  # the solutions that count were chosen for small errors on few samples
_NARROWEST, _WIDEST = 0.5, 20.0
_APART = 20.0  # times its prediction: a measurement is taken for no larger
_WORST, _SOON = 4.0, 10


def widening(errors: Floats, deviations: Floats, gate: Gate | None) -> float:
    """Return the factor for relative errors of samples and their deviations.

    Noise is relative to a measurement in a fit, to the prediction in an interval.
    """
    n = len(errors)
    measured = 1 / np.maximum(1 - errors, 1 / _APART)
    found = float(np.quantile(np.abs(errors) / deviations * measured, _MOST)) / 1.645
    believed = n**2 / (n**2 + _SAFE**2)
    factor = believed * found + (1 - believed) * _USUAL + _CHOSEN / n
    return float(np.clip(factor, _NARROWEST, _WIDEST)) * _hidden(gate, errors)


def _hidden(gate: Gate | None, errors: Floats) -> float:
    """Return by how much errors are larger on samples that the gates do not know either.

    The gates of ten samples know each of them well, those of a hundred hardly.
    """
    if gate is None:
        return 1.0
    found = gate.error / max(float(capped(errors).mean()), 1e-6)
    return float(np.clip(found, 1.0, _WORST) ** (_SOON / len(errors)))
