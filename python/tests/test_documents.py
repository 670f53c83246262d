"""What documents show runs: the package's docstring, the README, the book's page; and the command."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

import numpy as np
import pytest

import privity as pv

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book" / "src" / "python.md"
DATA = {"bmi": [32.1, 21.6, 30.5, 25.3], "target": [151.0, 75.0, 141.0, 206.0], "np": np, "pv": pv}


def fenced(path: Path, mark: str) -> list[str]:
    """The blocks of a document that are marked so. Those marked `python workers` are run where there are workers."""
    return re.findall(rf"^```{mark}\n(.*?)^```$", path.read_text(encoding="utf-8"), re.S | re.M)


def execute(code: str, name: str, around: dict) -> dict:
    exec(compile(code, name, "exec"), around)
    return around


def test_the_page_on_saved_values_runs(capsys):
    for i, code in enumerate(fenced(ROOT / "book" / "src" / "saved.md", "python")):
        execute(code, f"saved.md block {i}", {})
    assert "'model': '2 × fixed<64, 16>, replicated'" in capsys.readouterr().out


def test_the_docstring_runs(capsys):
    code = textwrap.dedent(pv.__doc__.split("\n\n", 1)[1])
    execute(code, "docstring", {})
    assert "analyst: slope = 4.2" in capsys.readouterr().out


def test_the_docstring_of_eager_use_runs(capsys):
    code = textwrap.dedent(pv.eager.__doc__.split("\n\n", 1)[1])
    alice, bob, carol = pv.players("alice bob carol")
    around = {"privity": pv, "alice": alice, "bob": bob, "carol": carol, "array": np.eye(2), "weights": [1.0, 2.0]}
    execute(code, "eager", around)
    assert "[1. 2.]" in capsys.readouterr().out


def test_the_readme_runs(capsys):
    for i, code in enumerate(fenced(ROOT / "README.md", "python")):
        execute(code, f"README block {i}", dict(DATA))
    assert "slope = 4.2" in capsys.readouterr().out


def test_the_book_runs(capsys):
    around: dict = {}
    found = fenced(BOOK, "python")
    for i, code in enumerate(found):
        execute(code, f"python.md block {i}", around)
    assert len(found) >= 5
    shown = capsys.readouterr().out
    assert "error[label." in shown and "data.not-finite clinic" in shown and 'analyst learns "slope"' in shown


def command() -> str:
    """The command that came with the package."""
    found = shutil.which("privity", path=sysconfig.get_path("scripts")) or shutil.which("privity")
    if found is None:
        pytest.fail("the package did not bring the `privity` command")
    return found


def privity(*args: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([command(), *args], cwd=cwd, capture_output=True, text=True, timeout=60)


def test_the_command_comes_along(tmp_path):
    version = privity("version", "--json")
    assert version.returncode == 0 and json.loads(version.stdout)["version"] == pv.__version__
    assert privity("run").returncode == 2
    bad = tmp_path / "bad.pv"
    bad.write_text("computation c\n  player a\n  input x : f64 at b\n")
    failed = privity("check", str(bad))
    assert failed.returncode == 1 and "bad.pv:3" in failed.stderr
    missing = privity("check", str(tmp_path / "none.pv"), "--json")
    assert missing.returncode == 1 and json.loads(missing.stdout)["error"]["code"]


def test_the_command_and_the_package_agree(tmp_path):
    text = "computation c\n  player a, b\n  input x : f64[n] at a\n  release x to b as \"x\"\n"
    program = tmp_path / "c.pv"
    program.write_text(text)
    np.save(tmp_path / "x.npy", np.array([1.5, 2.5]))
    (tmp_path / "DATA.toml").write_text('[a.x]\nnpy = "x.npy"\n')
    run = privity("run", "c.pv", "--local", "--data", "DATA.toml", "--json", cwd=tmp_path)
    shown = json.loads(run.stdout)
    ours = pv.local().run(pv.parse(text), x=[1.5, 2.5])
    assert shown["computation"] == ours.computation == pv.parse(text).digest
    assert shown["outputs"]["b"]["x"]["values"] == ours["x"].tolist()


def test_the_module_is_typed():
    folder = Path(pv.__file__).parent
    assert (folder / "py.typed").exists() and (folder / "_privity.pyi").exists()
    assert sys.modules["privity"].__version__ and os.path.basename(folder) == "privity"
