"""Which machine it is, what a child process has used, and medians of runs that alternate."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Use:
    """What one process took: wall and CPU seconds, peak memory in MiB."""

    wall: float
    cpu: float
    peak: float


def name() -> str:
    """Processor, number of cores, Python and kernel, in one line."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return (
        f"{model or platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"Python {platform.python_version()}, {platform.system()} {platform.release()}"
    )


def run(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    codes: Sequence[int] = (0,),
    environ: Mapping[str, str] | None = None,
) -> Use:
    """Run a program to its end; its output is kept and shown only if it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, use = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in codes:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{said.decode()[-3000:]}")
    return Use(time.perf_counter() - started, use.ru_utime + use.ru_stime, use.ru_maxrss / 1024)


def rounds(number: int, *contestants: Callable[[], float]) -> list[list[float]]:
    """Run the contestants in turn, so that a machine that slows down is unfair to none."""
    results: list[list[float]] = [[] for _ in contestants]
    for _ in range(number):
        for values, contestant in zip(results, contestants, strict=True):
            values.append(contestant())
    return results


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Median, and the range of the runs."""
    middle, low, high = (f"{v:,.{digits}f}" for v in (statistics.median(values), min(values), max(values)))
    return f"{middle} [{low}–{high}]"
