"""Fixtures that many tests share."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# One thread for each worker, and for each process that a test starts: more fight for the cores.
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read by torch and numpy when they are imported
if "torch" in sys.modules:  # a plugin was faster
    sys.modules["torch"].set_num_threads(1)

settings.register_profile("untimed", deadline=None)  # a busy machine is no failure
settings.load_profile("untimed")

REPOSITORY = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write the expected texts instead of comparing"
    )


@pytest.fixture(scope="session")
def update_golden(pytestconfig: pytest.Config) -> bool:
    """Return whether expected texts are to be written."""
    return bool(pytestconfig.getoption("update_golden"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of reference facts and data, too large to commit; skip where it is not."""
    places = (REPOSITORY / "shared", REPOSITORY.parent / "shared")
    for place in places:
        if place.is_dir():
            return place
    pytest.skip(f"the reference data is not here: neither {places[0]} nor {places[1]} is a folder")
