"""``make bench``: the benchmark of the pipeline, or the one that is named first."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.results import KINDS
from pipeline.cli.bench import BENCHMARKS, run_benchmark

RESULTS = Path(".bench")


def main(arguments: list[str]) -> int:
    """Run a benchmark; without a word on where results go they go to ``.bench/``."""
    name, *options = arguments if arguments and arguments[0] in BENCHMARKS else ["pipeline", *arguments]
    if name in KINDS and not {"--json", "--help", "-h", "--resume"} & set(options):
        RESULTS.mkdir(exist_ok=True)
        options += ["--json", str(RESULTS / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json")]
    return run_benchmark(BENCHMARKS[name][0], options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
