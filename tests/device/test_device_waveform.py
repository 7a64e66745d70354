"""A fault planted in the RTL is found by the co-simulation, told in full, and comes with a waveform of its window."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hostile_itch import binary_file, hostile

from sim.device.build import RTL, Variant
from sim.device.cosim import WINDOW_CYCLES, cosim

pytestmark = [pytest.mark.usefixtures("built"), pytest.mark.timeout(900)]
PS_PER_CYCLE = 6400
FAULTY, SOUND = 'printable <= printable_value == "N";', 'printable <= printable_value == "Y";'


def test_a_planted_fault_is_reported_with_a_waveform(tmp_path: Path) -> None:
    if not all(Path("/usr/include", header).exists() for header in ("lz4.h", "zlib.h")):
        pytest.skip("a waveform needs the headers of liblz4 and zlib")
    faulty = tmp_path / "rtl"
    shutil.copytree(RTL, faulty)
    module = faulty / "itch_norm.v"
    text = module.read_text()
    assert text.count(SOUND) == 1
    module.write_text(text.replace(SOUND, FAULTY))
    card = Variant("planted", trace=True, quick=True, rtl=faulty)
    # None of that type early, so that a whole window and 100 records lie before the difference.
    messages = [m for i, m in enumerate(hostile(12, 3000, [1, 2], bad=0.0)) if i > 1500 or m[:1] != b"C"]
    found = cosim(binary_file(tmp_path / "day", messages), {}, card, quiet=True, waveform=True)
    assert found["different"]
    assert messages[found["message"]][:1] == b"C", "the first execution at a price of its own"
    assert "flags" in found["report"]
    assert "<--" in found["report"]
    assert messages[found["message"]][:20].hex(" ") in found["report"]
    assert found["report"].count("locate") > 100, "the last 100 records"
    wave = Path(found["waveform"]).read_bytes()
    assert wave[0] == 0, "an FST begins with its header"
    first, last = (int.from_bytes(wave[at : at + 8], "big") // PS_PER_CYCLE for at in (9, 17))
    assert found["cycle"] - WINDOW_CYCLES <= first <= found["cycle"] - WINDOW_CYCLES + 1
    assert last == found["cycle"]
