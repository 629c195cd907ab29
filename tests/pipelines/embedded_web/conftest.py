"""The web of one seed, built once for all tests that look into it."""

import pytest

from pipelines.embedded_web.build import build


@pytest.fixture(scope="session")
def web():
    return build(1)
