"""The demonstration as a user runs it: its story, its exit code, what it leaves behind, and how it fails."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from house import ROOT, alive, eventually

from fastpath.config import Config, EngineSettings
from sim.device.build import missing

pytestmark = pytest.mark.timeout(240)
PARTS = ("tradesphere", "velocity", "engine", "bridge")


@pytest.fixture
def place() -> Iterator[Path]:
    """Home and temporary directory of a demonstration; a short name, for the ipc endpoints in it."""
    directory = Path(tempfile.mkdtemp(prefix="fpd-"))
    (directory / "home").mkdir()
    (directory / "tmp").mkdir()
    yield directory
    shutil.rmtree(directory)


def ended(pid: int) -> bool:
    return not alive(pid)


class Run:
    """`python -m fastpath demo` with its output read line by line."""

    def __init__(self, place: Path, *arguments: str, **more: str) -> None:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("XDG_", "FASTPATH_"))}
        environment |= {"HOME": str(place / "home"), "TMPDIR": str(place / "tmp"), "COLUMNS": "200"} | more
        self.place = place
        self.pids: dict[str, int] = {}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastpath", "demo", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )  # fmt: skip

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in (self.process.pid, *self.pids.values()):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)

    def read(self, until: str = "") -> None:
        """Read to the first line that has the text in it (default: to the end)."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if started := re.match(r"(\S+) +pid (\d+) ", line):
                self.pids[started[1]] = int(started[2])
            if until and until in line:
                return
        assert not until, f"{until!r} was never told:\n{self.text}"

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def end(self) -> int:
        self.read()
        return self.process.wait(60)

    def assert_no_process_left(self) -> None:
        assert self.pids
        for name, pid in self.pids.items():
            eventually(partial(ended, pid), f"{name} ({pid}) has ended", 10.0)


def test_the_demonstration_tells_its_story(place: Path) -> None:
    with Run(place) as run:
        assert run.end() == 0, run.text
        assert set(run.pids) == set(PARTS), "both venues, the engine and the bridge are processes of their own"
        run.assert_no_process_left()
    text = run.text
    assert [line for line in run.lines if re.match(r"\d+\. ", line)][-1].startswith("11. ")
    assert "trading mode paper" in text
    assert "lowest_fee chose tradesphere" in text and "fastest_ack chose velocity" in text
    assert re.search(r"buy 100 AAPL at [\d.]+ on tradesphere: FILLED, 100 filled", text)
    assert re.search(r"buy 50 AAPL at [\d.]+ on velocity: FILLED, 50 filled", text)
    first, again = (re.search(rf"{which}: +outcome (\w+), order id (\d+)", text) for which in ("first", "again"))
    assert first and again and (first[1], again[1]) == ("accepted", "replayed") and first[2] == again[2]
    assert "single-order quantity limit: 501 against 500 shares" in text
    assert re.search(r"AAPL +160 ", text), "100, 50 and 10 shares are held"
    assert "KILL_SWITCH_ENGAGED" in text
    cells = re.split(r"  +|\n", text.partition("What it came to")[2])
    figure = dict(itertools.pairwise(cells))
    assert figure["messages lost"] == "0"
    assert int(figure["ITCH messages"].replace(",", "")) > 1_000
    opened, filled, lost = (int(number) for number in figure["gaps opened / filled / lost"].split(" / "))
    assert (opened, lost) == (filled, 0)
    assert figure["events on the bus"].endswith("(0 dropped)")
    # Two orders trade; each may take more than one resting order.
    assert int(figure["orders / fills / refused"].split(" / ")[1]) >= 2
    for latency in ("wire to event", "event to bus", "decision", "order to ack, velocity", "tool call"):
        assert int(figure[latency].replace(",", "")) > 0, latency
    assert list((place / "tmp").iterdir()) == [], "no directory is left behind"
    assert list((place / "home").iterdir()) == [], "nothing is written to the home"


@pytest.mark.timeout(900)
def test_the_story_with_the_card(place: Path) -> None:
    """Hardware book, hardware trigger: the same story. Skipped, with the reason, where the card cannot be built."""
    given = os.environ.get("FASTPATH_TEST_CARD", "")
    if not given and missing():
        pytest.skip(missing())
    path = place / "fastpath.toml"
    path.write_text(Config(engine=EngineSettings(card_library=given)).to_toml())
    with Run(place, "--io", "fpga", FASTPATH_CONFIG=str(path)) as run:
        assert run.end() == 0, run.text
        run.assert_no_process_left()
    assert "11. " in run.text and "KILL_SWITCH_ENGAGED" in run.text
    assert re.search(r"buy 10 AAPL at [\d.]+ on velocity: FILLED, 10 filled", run.text)
    figure = dict(itertools.pairwise(re.split(r"  +|\n", run.text.partition("What it came to")[2])))
    assert figure["triggers fired by a card"] == "1"
    assert int(figure["card cycles"].replace(",", "")) > 100_000
    assert figure["messages lost"] == "0"


@pytest.mark.parametrize(("part", "moment"), [("engine", "2. It reads"), ("bridge", "2. It reads")])
def test_a_part_that_dies_midway_is_named(place: Path, part: str, moment: str) -> None:
    with Run(place) as run:
        run.read(until=moment)
        os.kill(run.pids[part], signal.SIGKILL)
        assert run.end() == 1, run.text
        run.assert_no_process_left()
    assert "Traceback" not in run.text
    assert [line for line in run.lines if line.startswith("error:")] == [run.lines[-1]]
    assert run.lines[-1].startswith(f"error: {part} ended with code -9: ")
    kept = re.search(r"every process's log is in (\S+)", run.text)
    assert kept and (Path(kept[1]) / f"{part}.log").exists()


def test_a_part_that_cannot_start_is_named(place: Path) -> None:
    exchanges = [
        entry.model_copy(update={"replay_file": str(place / "no-such-day.itch")}) for entry in Config().exchanges
    ]
    path = place / "fastpath.toml"
    path.write_text(Config(exchanges=exchanges).to_toml())
    with Run(place, FASTPATH_CONFIG=str(path)) as run:
        assert run.end() == 1, run.text
    assert "Traceback" not in run.text
    assert run.lines[-1].startswith("error: tradesphere ended with code 1: error: exchange: ")
    assert "no-such-day.itch" in run.lines[-1]


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "bridge "), (signal.SIGTERM, "1. The agent looks around"), (signal.SIGHUP, "engine ")],
)
def test_stopped_from_outside_it_takes_its_children_along(place: Path, number: signal.Signals, moment: str) -> None:
    with Run(place) as run:
        run.read(until=moment)
        run.process.send_signal(number)
        assert run.end() != 0
        run.assert_no_process_left()
    assert "Traceback" not in run.text
    assert list((place / "tmp").iterdir()) == []


@pytest.mark.skipif(not shutil.which("setpriv"), reason="no setpriv here (Debian: util-linux)")
def test_killed_it_leaves_no_process(place: Path) -> None:
    with Run(place) as run:
        run.read(until="1. The agent looks around")
        assert set(run.pids) == set(PARTS)
        run.process.kill()
        assert run.end() == -signal.SIGKILL
        run.assert_no_process_left()


def test_a_taken_port_is_one_readable_line(place: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        venue = Config().venues[0]
        assert venue.orders is not None
        venue = venue.model_copy(update={"orders": venue.orders.model_copy(update={"port": port})})
        path = place / "fastpath.toml"
        path.write_text(Config(state_dir=str(place), venues=[venue], exchanges=Config().exchanges[:1]).to_toml())
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "fastpath", "exchange", "--config", str(path)],
            capture_output=True, text=True, cwd=ROOT, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1 and done.stdout == "" and time.monotonic() - started < 60
    assert done.stderr.startswith("error: exchange: ") and done.stderr.count("\n") == 1
    assert str(port) in done.stderr
