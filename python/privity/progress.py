"""Progress of a run, in terminals and notebooks."""

from __future__ import annotations

import html
import importlib
import sys
import time
from typing import Any, Callable

#: A function that gets every event: its kind (``started``, ``rows``, ``step``, ``iteration``, ``finished``), the player
#: concerned, details, how much is done, and of how much where that is known.
Callback = Callable[[str, str, str, int, int], object]


class Progress:
    """Shows nothing."""

    #: What the run calls with every event, if anything.
    callback: Callback | None = None

    @staticmethod
    def of(wish: bool | Callback | None, name: str) -> Progress:
        """By default shown in a terminal or notebook, and not where output is redirected."""
        if callable(wish):
            progress = Progress()
            progress.callback = wish
            return progress
        if wish is False:
            return Progress()
        if _in_notebook():
            return Notebook(name)
        return Terminal(name) if wish or sys.stderr.isatty() else Progress()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        return None


class Shown(Progress):
    """Keeps count, and shows it at most ten times a second."""

    def __init__(self, name: str) -> None:
        self.callback = self._event
        self._name = name
        self._begun = time.monotonic()
        self._last = 0.0
        self._steps: dict[str, int] = {}
        self._done: dict[str, int] = {}
        self._loop = ""

    def _event(self, kind: str, player: str, detail: str, done: int, of: int) -> None:
        if kind == "started":
            self._steps[player] = of
        elif kind == "step":
            self._done[player] = done
        elif kind == "iteration":
            self._loop = f" iteration {done} of {of} {detail}"
        elif kind == "finished":
            self._done[player] = self._steps.get(player, 0)
        now = time.monotonic()
        if now - self._last >= 0.1:
            self._last = now
            total = sum(self._steps.values())
            # Steps in loops are done more than once, and are known once.
            done = sum(min(n, self._steps.get(p, n)) for p, n in self._done.items())
            self._show(done, total, f"{self._name}: {done}/{total} steps{self._loop}, {now - self._begun:.1f} s")

    def _show(self, done: int, total: int, text: str) -> None:
        raise NotImplementedError


class Terminal(Shown):
    """One line on standard error that is written over, and removed at the end."""

    _width = 0

    def _show(self, done: int, total: int, text: str) -> None:
        sys.stderr.write("\r" + text.ljust(self._width))
        sys.stderr.flush()
        self._width = max(self._width, len(text))

    def __exit__(self, *_: object) -> None:
        if self._width:
            sys.stderr.write("\r" + " " * self._width + "\r")
            sys.stderr.flush()


class Notebook(Shown):
    """A bar below the cell, which is removed at the end."""

    _display: Any = None

    def _show(self, done: int, total: int, text: str) -> None:
        self._draw(f"<progress value={done} max={total}></progress> {html.escape(text)}")

    def __exit__(self, *_: object) -> None:
        if self._display is not None:
            self._draw("")

    def _draw(self, markup: str) -> None:
        # It is there, since this is a notebook; it is no dependency of the package.
        ipython = importlib.import_module("IPython.display")
        if self._display is None:
            self._display = ipython.display(ipython.HTML(markup), display_id=True)
        else:
            self._display.update(ipython.HTML(markup))


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
