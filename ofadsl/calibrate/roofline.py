"""An estimator from a datasheet: what a device would take at a part of its peaks.

In: the work of each layer, and a ``Datasheet``. Out: an ``Estimator``. A class of ops in a layer
takes as long as its arithmetic or its traffic, whichever is longer, and every kernel is launched.
Nothing was measured: how near devices come to their peaks is a guess, and the interval wide.
"""

from __future__ import annotations

import numpy as np

from ofadsl.calibrate.datasheet import Datasheet
from ofadsl.calibrate.features import Features
from ofadsl.calibrate.model import Estimator
from ofadsl.calibrate.nnls import Floats
from ofadsl.calibrate.workload import CLASSES, COLUMNS, QUANTITIES

BASIS = "from a datasheet, not measured"
SHARE = 0.25
"""The part of its peaks that a device is taken to reach; see docs/latency.md for what GPUs did."""
FACTOR = 8.0
"""So many times the latency is the upper end of the interval of 90 %; the lower end is 0."""
INTERVAL = (
    f"The latency is that of a device that reaches {SHARE:.0%} of its peaks. The interval of 90 %\n"
    f"goes from 0 to {FACTOR:g} times of it."
)
_NINETY = 1.645
_FOLDED = CLASSES.index("norm")  # specialised subnets have none
_POWER = 8.0  # nearly a maximum


def roofline(features: Features, sheet: Datasheet, batch: int = 1) -> Estimator:
    """Return the estimator of a device for subnets that see ``batch`` samples at once."""
    work = features.trend[:, features.totals :].reshape(-1, len(CLASSES), len(QUANTITIES))
    assert work.shape[1] * work.shape[2] == len(COLUMNS)
    work = np.delete(work, _FOLDED, axis=1)
    macs, elements, weights, kernels = np.moveaxis(work, 2, 0)
    arithmetic = 2 * batch * macs / (SHARE * sheet.peak_flops)
    moved = sheet.bytes_per_element * (batch * elements + weights)
    traffic = moved / (SHARE * sheet.bandwidth)
    compute = 1e3 * np.maximum(arithmetic, traffic).sum(axis=1)
    launch = 1e-3 * sheet.launch_us * kernels.sum(axis=1)
    apart = sheet.asynchronous
    return Estimator(
        features=features,
        compute=_doubted(compute if apart else compute + launch),
        launch=_doubted(launch) if apart else None,
        base=np.zeros(2),
        power=_POWER if apart else 1.0,
        noise=0.0,
        widen=1.0,
        errors=np.zeros(0),
        deviations=np.zeros(0),
        sources=np.zeros(0),
    )


def _doubted(values: Floats) -> Floats:
    """Return values with their deviation: peaks that are not reached are not in any layer."""
    return np.stack([values, (FACTOR - 1) / _NINETY * values], axis=1)
