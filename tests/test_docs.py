"""The documentation holds: links lead somewhere, Python samples run up to the network, named commands exist."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "hdl").rglob("*.md")]
)


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page_id(page)} links to {target}"


def samples() -> list[tuple[str, str]]:
    return [
        (f"{page_id(page)}:{number}", block)
        for page in PAGES
        for number, block in enumerate(re.findall(r"^```python\n(.*?)^```", page.read_text(), re.M | re.S), 1)
    ]


@pytest.mark.parametrize(("name", "code"), samples(), ids=lambda value: value if ".md:" in value else "")
def test_samples_compile_and_import_what_exists(name: str, code: str) -> None:
    tree = ast.parse(code, name, mode="exec", type_comments=False) if "await" not in code else ast.parse(wrapped(code))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}"), alias.name


def wrapped(code: str) -> str:
    """A sample with a top-level await, as the body of a coroutine."""
    return "async def sample():\n" + "".join(f"    {line}\n" for line in code.splitlines())


def test_commands_named_in_the_readme_exist() -> None:
    named = set(re.findall(r"`(?:\.venv/bin/)?fastpath ([a-z]+)", (ROOT / "README.md").read_text()))
    assert len(named) >= 8
    shown = subprocess.run(
        [sys.executable, "-m", "fastpath", "--help"], capture_output=True, text=True, check=True
    ).stdout
    for command in named:
        assert re.search(rf"[│ ] {command} ", shown), f"README names `fastpath {command}`"
        answer = subprocess.run(
            [sys.executable, "-m", "fastpath", command, "--help"], capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr


def test_make_targets_named_in_the_readme_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    for target in re.findall(r"(?:`|^)make ([a-z-]+)", (ROOT / "README.md").read_text(), re.M):
        assert target in targets, f"README names `make {target}`"


def test_the_project_speaks_of_itself_only() -> None:
    listed = subprocess.run(
        ["git", "grep", "-nIE", r"(^|[^a-z.])(/work/|/root/)|\.library/", "--", "."],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in listed.stdout.splitlines() if not line.startswith("tests/test_docs.py")]
    assert not lines, "\n".join(lines[:10])


def test_functions_named_in_the_walks_exist() -> None:
    named = re.findall(r"`([\w./]+\.(?:c|py)):(\w+)`", (ROOT / "docs/explanation/two-walks.md").read_text())
    assert len(named) > 30
    for file, function in named:
        text = (ROOT / file).read_text()
        definition = rf"^\s*(?:async )?def {function}\(" if file.endswith(".py") else rf"^[a-z][\w \*]*\b{function}\("
        assert re.search(definition, text, re.M), f"{file} defines no {function}"
