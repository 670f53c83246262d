"""Where in the user's source we are."""

from __future__ import annotations

import functools
import linecache
import os
import sys
from types import CodeType, FrameType
from typing import Any, Callable, Iterator

from .errors import Diagnostic, ProgramError

#: A file and a line in it.
Line = tuple[str, int]

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


@functools.lru_cache(maxsize=1024)
def _is_ours(file: str) -> bool:
    return os.path.abspath(file).startswith(_HERE)


def user_frames() -> Iterator[FrameType]:
    """The frames that are not of this package, innermost first."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not _is_ours(frame.f_code.co_filename):
            yield frame
        frame = frame.f_back


def caller() -> Line:
    """The user's line that led here."""
    for frame in user_frames():
        return frame.f_code.co_filename, frame.f_lineno
    return "", 0


def frame_of(code: CodeType) -> FrameType | None:
    """The innermost running frame of a function."""
    return next((frame for frame in user_frames() if frame.f_code is code), None)


def visible(wanted: Callable[[Any], bool]) -> Iterator[str]:
    """The names of variables that the user's line can see and whose values are wanted."""
    for frame in user_frames():
        for scope in (frame.f_locals, frame.f_globals):
            yield from [name for name, value in scope.items() if wanted(value)]
        return


def problem(code: str, message: str, help: str | None = None, at: Line | None = None) -> ProgramError:
    """A mistake in the user's line, in the form that all mistakes have."""
    file, line = at or caller()
    text = f"error[{code}]: {message}\n"
    if line:
        text += f"  --> {file}:{line}\n"
        if source := linecache.getline(file, line).rstrip():
            margin = " " * len(str(line))
            text += f"{margin} |\n{line} | {source}\n"
    if help:
        text += f"  = help: {help}\n"
    return ProgramError([Diagnostic(code, message, file or None, line or None, help, text.rstrip())])
