"""Time to render the PDF of a contract, after the first one: `python bench/pdf.py [devices] [runs]`.

The fastest of several rounds is printed too: other programs on the machine only add to it.
"""

import os
import platform
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "privet.settings")
os.environ.setdefault("DEBUG", "1")
os.environ.setdefault("DATABASE_URL", "postgresql://")  # required by the settings; no connection is made

import django

django.setup()

import pypdfium2  # noqa: E402
import weasyprint  # noqa: E402

from contracts import pdf, sample  # noqa: E402

ROUND = 20


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


def milliseconds(function, runs: int) -> list[float]:
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return times


def main(devices: int = 5, runs: int = 200) -> None:
    snapshot = sample.sample_snapshot(devices)
    (cold,) = milliseconds(lambda: pdf.render_contract(snapshot), 1)
    times = milliseconds(lambda: pdf.render_contract(snapshot), runs)
    rounds = [statistics.median(times[start : start + ROUND]) for start in range(0, runs, ROUND)]
    file = pdf.render_contract(snapshot)
    p95 = statistics.quantiles(times, n=20)[-1]
    versions = f"Python {platform.python_version()}, WeasyPrint {weasyprint.__version__}"
    print(f"{cpu()} × {os.cpu_count()}, load {os.getloadavg()[0]:.1f}, {versions}")
    pages = len(pypdfium2.PdfDocument(file))
    print(f"contract: {devices} devices, {pages} pages, {len(file) / 1024:.0f} KB, {runs} runs")
    print(f"median {statistics.median(times):.1f} ms, p95 {p95:.1f} ms, best {min(times):.1f} ms, first {cold:.0f} ms")
    print(f"fastest of {len(rounds)} rounds: median {min(rounds):.1f} ms")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
