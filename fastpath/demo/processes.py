"""Child processes of the demonstration: start, wait until ready, tell why one died, end in order.

It ends only what it started, by process id, and never leaves one behind: where its own process is killed, the kernel
ends the children, if `setpriv` is there (Debian: util-linux).
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self


class ProcessFailedError(RuntimeError):
    """A child ended, or was not ready in time; the text carries its last words."""


class Child:
    """One child process whose output goes to a log file."""

    def __init__(self, name: str, command: Sequence[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.log = log
        tie = shutil.which("setpriv")  # it has the kernel end the child when the thread that started it is gone
        with log.open("wb") as output:
            # A group of its own: Ctrl-C reaches the demo alone, which then ends its children in order.
            self.process = subprocess.Popen(
                [tie, "--pdeathsig", "TERM", "--", *command] if tie else list(command),
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raise ProcessFailedError when the child is gone."""
        if self.process.poll() is not None:
            raise ProcessFailedError(f"{self.name} ended with code {self.process.returncode}: {self.last_words()}")

    def last_words(self) -> str:
        """The last lines of the log, joined."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if line.strip()]
        return " | ".join(lines[-4:]) or "it said nothing"

    def wait_ready(self, timeout_s: float) -> str:
        """Wait for the line that begins with `ready` and return the rest of it."""
        found = ""

        def look() -> bool:
            nonlocal found
            for line in self.log.read_text(errors="replace").splitlines():
                if line.startswith("ready"):
                    found = line.removeprefix("ready").strip()
                    return True
            return False

        self.wait_until(look, timeout_s, "say that it is ready")
        return found

    def wait_until(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Poll until done() is true; ProcessFailedError when the child dies or the time is over."""
        end = time.monotonic() + timeout_s
        while not done():
            self.check()
            if time.monotonic() > end:
                raise ProcessFailedError(f"{self.name} did not {what} within {timeout_s:.0f} s: {self.last_words()}")
            time.sleep(0.02)

    def stop(self, timeout_s: float = 5.0) -> int:
        """Ask it to end, insist after the timeout; returns the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout_s)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(timeout_s)
        return self.process.returncode


class Children:
    """All children, ended in the reverse order of their start when the block is left."""

    def __init__(self, log_dir: Path, environment: dict[str, str] | None = None) -> None:
        self.log_dir = log_dir
        self.environment = {**os.environ, **(environment or {})}
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self, name: str, *command: str) -> Child:
        """Start `python -m <command...>` with this interpreter."""
        child = Child(name, [sys.executable, "-m", *command], self.log_dir / f"{name}.log", self.environment)
        self.running.append(child)
        return child

    def check(self) -> None:
        """Raise ProcessFailedError when any child is gone."""
        for child in self.running:
            child.check()

    def stop(self) -> dict[str, int]:
        """End all, newest first; returns exit codes by name."""
        codes = {}
        for child in reversed(self.running):
            codes[child.name] = child.stop()
        self.running.clear()
        return codes
