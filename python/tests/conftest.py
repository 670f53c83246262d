"""What several tests use."""

from __future__ import annotations

import pytest

import privity as pv

alice, bob, carol, analyst = pv.players("alice bob carol analyst")
committee = pv.replicated(alice, bob, carol)


@pytest.fixture
def cluster() -> pv.Local:
    return pv.local()


def line_of(error: pv.ProgramError) -> str:
    """The source line that an error points at."""
    diagnostic = error.diagnostics[0]
    assert diagnostic.file is not None and diagnostic.line is not None
    with open(diagnostic.file, encoding="utf-8") as file:
        return file.read().splitlines()[diagnostic.line - 1]
