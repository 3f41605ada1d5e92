"""Fixtures that many tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

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
