"""What ends a process of ours when we can no longer do it ourselves."""

from __future__ import annotations

import subprocess

__all__ = ["OrphanGuard"]

_SCRIPT = 'read -r _; kill -9 "$1" 2>/dev/null; [ -z "$2" ] || rm -rf "$2"'


class OrphanGuard:
    """Kills a process as soon as this one has ended, however it ended.

    A shell waits for the end of a pipe whose other end only this process holds: the system closes it even after SIGKILL.  A
    parent-death signal would not do: it fires when the *thread* that started the process ends.

    Parameters
    ----------
    pid : int
        The process to be ended.
    folder : str, optional
        Deleted after that.

    Examples
    --------
    >>> asleep = subprocess.Popen(["sleep", "60"])
    >>> OrphanGuard(asleep.pid).trip()
    >>> asleep.wait()
    -9
    """

    def __init__(self, pid: int, folder: str = "") -> None:
        self._shell = subprocess.Popen(  # noqa: S603 - a fixed script; the number and the folder are its arguments, never code
            ["/bin/sh", "-c", _SCRIPT, "sh", str(pid), folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def trip(self) -> None:
        """Do now what would be done after the end of this process."""
        if self._shell.stdin is not None:
            self._shell.stdin.close()
        self._shell.wait()

    def dismiss(self) -> None:
        """Let the process be: it has ended, its number may soon be another's."""
        self._shell.kill()
        self._shell.wait()
        if self._shell.stdin is not None:
            self._shell.stdin.close()
