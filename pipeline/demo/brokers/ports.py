"""Ports on loopback: finding free ones, waiting for one to open."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable

__all__ = ["LOOPBACK", "find_free_ports", "is_open", "wait_until_open"]

LOOPBACK = "127.0.0.1"
# Below the range that systems hand to outgoing connections, so that none takes a port between the look and the server's start.
_LOWEST, _HIGHEST = 20_000, 32_000


def find_free_ports(n_ports: int) -> list[int]:
    """Ports that nothing listens on just now, all different.

    Examples
    --------
    >>> len(set(find_free_ports(3)))
    3
    """
    candidates = random.SystemRandom().sample(range(_LOWEST, _HIGHEST), _HIGHEST - _LOWEST)
    found: list[int] = []
    for port in candidates:
        if len(found) == n_ports:
            break
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        found.append(port)
    return found


def is_open(port: int) -> bool:
    """Whether something takes connections there.

    Examples
    --------
    >>> with socket.create_server((LOOPBACK, 0)) as server:
    ...     is_open(server.getsockname()[1])
    True
    """
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1.0):
            return True
    except OSError:
        return False


def wait_until_open(port: int, timeout_secs: float, require_running: Callable[[], None]) -> bool:
    """Wait for a port to open; False when it has not in time.

    Parameters
    ----------
    port : int
        On loopback.
    timeout_secs : float
        How long.
    require_running : callable
        Asked again and again; raises when waiting has become pointless.
    """
    until_secs = time.monotonic() + timeout_secs
    while time.monotonic() < until_secs:
        require_running()
        if is_open(port):
            return True
        time.sleep(0.05)
    return False
