"""The ``streamwarden`` command.  One module a command; each is imported only when it runs, so that ``--help`` is quick."""

from pipeline.cli.main import main

__all__ = ["main"]
