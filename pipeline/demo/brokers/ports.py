"""Ports on loopback: finding free ones, waiting for one to open."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

__all__ = ["find_free_ports", "is_open", "wait_until_open"]

LOOPBACK = "127.0.0.1"


def find_free_ports(n_ports: int) -> list[int]:
    """Ports that nothing listens on just now, all different.

    Examples
    --------
    >>> len(set(find_free_ports(3)))
    3
    """
    probes = [socket.socket() for _ in range(n_ports)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def is_open(port: int) -> bool:
    """Whether something takes connections there."""
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
