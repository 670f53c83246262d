"""What can go wrong, with a stable code, the player concerned, and what to do."""

from __future__ import annotations


class PrivityError(Exception):
    """An error of Privity.

    ``code`` is stable, ``player`` is the player concerned or ``None``, ``help`` says what to do.
    """

    def __init__(self, message: str, *, code: str = "error", player: str | None = None, help: str | None = None) -> None:
        self.code = code
        self.player = player
        self.help = help
        self.message = message
        super().__init__(f"{message} [{code}]" + (f"\n  help: {help}" if help else ""))


class ProgramError(PrivityError):
    """A program that does not check: a syntax error, a type or shape that does not fit, a label violation."""


class RunError(PrivityError):
    """A run that did not come to its end."""


__all__ = ["PrivityError", "ProgramError", "RunError"]
