"""Progress of a run, in terminals and notebooks."""

from __future__ import annotations

import sys
import time
from typing import Any, Callable


class Progress:
    """Shows one line that is written over: steps done, loop iterations."""

    @staticmethod
    def of(wish: Any, name: str) -> "Progress":
        """By default shown in a terminal or notebook, and not where output is redirected."""
        if callable(wish):
            return Custom(wish)
        shown = wish if wish is not None else (_in_notebook() or sys.stderr.isatty())
        return Line(name) if shown else Progress()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *_: Any) -> None:
        return None

    def __call__(self, kind: str, detail: str, done: int, of: int) -> None:
        return None


class Custom(Progress):
    """Passes every event on."""

    def __init__(self, callback: Callable[[str, str, int, int], None]) -> None:
        self._callback = callback

    def __call__(self, kind: str, detail: str, done: int, of: int) -> None:
        self._callback(kind, detail, done, of)


class Line(Progress):
    """One line on standard error, at most ten times a second."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = time.monotonic()
        self._last = 0.0
        self._width = 0

    def __call__(self, kind: str, detail: str, done: int, of: int) -> None:
        now = time.monotonic()
        if kind in ("step", "iteration") and now - self._last < 0.1:
            return
        self._last = now
        count = f"{done}/{of}" if of else str(done)
        text = f"{self._name}: {kind} {count} {detail}  {now - self._begun:.1f} s"
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = max(self._width, len(text))

    def __exit__(self, *_: Any) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return bool(shell and getattr(shell.get_ipython(), "kernel", None))
