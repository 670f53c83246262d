"""What can go wrong, with a stable code, the player concerned, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


class PrivityError(Exception):
    """An error of Privity: a :class:`ProgramError` or a :class:`RunError`.

    ``code`` is stable, ``player`` is the player concerned or ``None``, ``help`` says what to do.
    """

    code: str
    message: str
    player: str | None = None
    help: str | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One thing that is wrong with a program."""

    #: A stable code, such as ``type.mismatch``.
    code: str
    #: What is wrong.
    message: str
    #: The Python file, or ``None`` if it is in a program's text.
    file: str | None
    #: The line, from 1, or ``None`` if it is in no particular line.
    line: int | None
    #: What to do about it.
    help: str | None
    #: All of it for people, with the source line.
    text: str

    def __str__(self) -> str:
        return self.text


class ProgramError(PrivityError):
    """A program that does not check: a syntax error, a type or shape that does not fit, a label violation.

    ``diagnostics`` are all its mistakes; ``code``, ``message`` and ``help`` are those of the first.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        super().__init__(diagnostics)
        self.diagnostics = tuple(diagnostics)
        first = self.diagnostics[0]
        self.code, self.message, self.help = first.code, first.message, first.help

    def __str__(self) -> str:
        # Python writes the class's name before it: the rest begins on a line of its own.
        return "\n" + "\n".join(str(d) for d in self.diagnostics)


class RunError(PrivityError):
    """A run that did not come to its end, or workers that said no.

    ``session`` is the session that was begun, if one was: :meth:`Workers.resume` attempts it again.
    """

    def __init__(
        self,
        message: str,
        code: str,
        player: str | None = None,
        help: str | None = None,
        session: str | None = None,
    ) -> None:
        super().__init__(message, code, player, help, session)
        self.message, self.code, self.player, self.help = message, code, player, help
        self.session = session

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]" + (f"\n  = help: {self.help}" if self.help else "")


__all__ = ["Diagnostic", "PrivityError", "ProgramError", "RunError"]
