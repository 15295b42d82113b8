"""What every rival in Python prints: how many messages it has handled, its CPU time, the time."""

import json
import resource
import sys
import time


def tell(n: int, **facts: object) -> None:
    """Print a point."""
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    point = {"n": n, "cpu_secs": time.process_time(), "wall_secs": time.perf_counter(), "peak_mb": peak_mb, **facts}
    # Faust takes sys.stdout for its log.
    print(json.dumps(point), file=sys.__stdout__, flush=True)
