"""A table's way to a worker: a proxy that appraises the worker's machine, and a stock Arrow Flight client in front of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from .errors import RunError

#: The command that this package brings.
_COMMAND = [sys.executable, "-c", "from privity.run import main; main()"]
#: A refusal as a worker words it: its code, what is wrong, and what to do.
_REFUSAL = re.compile(r"\b((?:flight|tables?)\.[a-z-]+): (.*?); (.*?)(?:\. Client context|\. gRPC|$)", re.S)


def send(proxy: Sequence[str], name: str, table: Any, player: str) -> None:
    """Uploads a table under a name, through ``privity flight-proxy`` with these arguments, to this player's worker."""
    arrow, flight = _pyarrow()
    table = table if isinstance(table, arrow.Table) else arrow.table(table)
    running = subprocess.Popen(
        [*_COMMAND, "flight-proxy", *proxy, "--json"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        location, token = _address(running, player)
        shown = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer " + token.encode())])
        with flight.connect(location) as client:
            writer, answers = client.do_put(flight.FlightDescriptor.for_path(name), table.schema, shown)
            with writer:
                writer.write_table(table)
                writer.done_writing()
                answers.read()
    except arrow.ArrowException as error:
        raise _refused(str(error), player) from None
    finally:
        running.kill()
        running.communicate()


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.flight
    except ImportError:
        help = "pip install 'privity[upload]'"
        raise RunError("uploading a table takes pyarrow", "client.no-pyarrow", None, help) from None
    return pyarrow, pyarrow.flight


def _address(proxy: subprocess.Popen[str], player: str) -> tuple[str, str]:
    """Where the proxy listens, and what it asks for; or why it does not: the machine did not prove what it has to."""
    assert proxy.stdout is not None
    first = proxy.stdout.readline()
    if '"location"' in first:
        said = json.loads(first)
        return said["location"], said["token"]
    try:
        error = json.loads(first + proxy.stdout.read())["error"]
    except (ValueError, KeyError):
        raise RunError("the proxy did not start", "client.proxy", player) from None
    raise RunError(error["message"], error["code"], error.get("player") or player, error.get("help"))


def _refused(words: str, player: str) -> RunError:
    found = _REFUSAL.search(words)
    if found is None:
        return RunError(words, "client.upload", player)
    code, message, help = found.groups()
    return RunError(message, code, player, help)

