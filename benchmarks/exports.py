"""What files to take away cost: processor time and peak memory of each command over one store.

`benchmarks.web_load_store` makes the store::

    python -m benchmarks.web_load_store load-store --calls 10000
    python -m benchmarks.exports load-store
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

COMMANDS = (
    "scorecard --json",
    "export scorecards --format xlsx",
    "export calls --format parquet",
    "export events --format csv",
    "export hits --format csv",
    "export words --format jsonl",
    "export calls --format vtt",
    "report",
)


def cost(command: str, store: str, out: Path) -> tuple[float, float, float]:
    """Run a command of speechqa; return processor seconds, peak MB, and MB written."""
    words = [str(Path(sys.executable).parent / "speechqa"), *command.split(), "--store", store]
    words += [] if command.startswith("scorecard") else ["--out", str(out)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: exit code {process.returncode}")
    files = out.rglob("*") if out.is_dir() else [out] if out.exists() else []
    size = sum(file.stat().st_size for file in files if file.is_file())
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, size / 1e6


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    options = parser.parse_args()
    print("| command | processor s | peak MB | written MB |\n|---|---|---|---|")
    for place, command in enumerate(COMMANDS):
        with tempfile.TemporaryDirectory() as made:
            seconds, peak, size = cost(command, options.store, Path(made) / f"out{place}")
        print(f"| `{command}` | {seconds:.0f} | {peak:.0f} | {size:.1f} |", flush=True)


if __name__ == "__main__":
    main()
