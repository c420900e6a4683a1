"""What every measurement here does the same way.

Pins processes to cores, alternates subject and peers so that a change of the machine's speed hits all of them, reports
medians with their spread, and keeps each result with the machine and the versions that made it.
"""

import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

__all__ = ["alternate", "cpu_seconds", "keep", "median", "pin", "resident_bytes", "serving", "show"]

RESULTS: Final = Path(__file__).parent / "results"
PACKAGES: Final = ("tornado", "msgspec", "ujson", "pymongo", "motor", "redis", "pykka", "uvloop")


def pin(core: int, *, pid: int = 0) -> None:
    """Keep process ``pid`` (0: this one) on one core, counted modulo those there are."""
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0)) if pid else list(range(os.cpu_count() or 1))
        os.sched_setaffinity(pid, {cores[core % len(cores)]})


def cpu_seconds(pid: int | None = None) -> float:
    """User and system time that process ``pid`` (None: this one) has used, to the hundredth, from /proc."""
    stat = Path(f"/proc/{pid or os.getpid()}/stat").read_text()
    fields = stat.rpartition(")")[2].split()  # The name before it may hold anything, parentheses too.
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int | None = None) -> int:
    """Memory of process ``pid`` (None: this one) that is in RAM now."""
    pages = int(Path(f"/proc/{pid or os.getpid()}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def serving(module: str, *arguments: object) -> Iterator[tuple[int, int]]:
    """(process id, port) of a process of its own, which is ``module`` told to serve."""
    command = [sys.executable, "-m", module, "serve", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.pid, int(process.stdout.readline())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def alternate(subjects: Mapping[str, Callable[[], float]], *, rounds: int) -> dict[str, list[float]]:
    """Measure every subject ``rounds`` times in turn, after one round that does not count."""
    figures: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):
        for name, measure in subjects.items():
            figure = measure()
            if number:
                figures[name].append(figure)
    return figures


def median(figures: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(figures)


def show(figures: Mapping[str, Sequence[float]], *, unit: str, subject: str) -> None:
    """Print the median and spread of each, and how many times ``subject``'s median it is."""
    base = median(figures[subject])
    for name, values in figures.items():
        ratio = f"{median(values) / base:6.2f} x {subject}" if base else ""
        print(f"{name:36} {median(values):10.2f} {unit:8} ({min(values):.2f} to {max(values):.2f})  {ratio}")


def keep(name: str, result: Mapping[str, Any]) -> Path:
    """Write ``result`` to ``results/NAME.json``, with machine and versions."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    whole = {"measured_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": _machine(), "result": result}
    path.write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    return path


def _machine() -> dict[str, Any]:
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": sys.version.split()[0],
        "packages": versions,
    }
