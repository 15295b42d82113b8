"""The broker that a benchmark runs on: the one that is given, or one of its own."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.demo.brokers.apache_kafka import ApacheKafka

__all__ = ["add_broker", "open_broker"]


def add_broker(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--broker``."""
    parser.add_argument("--broker", metavar="HOST:PORT", help="a broker that is there already; else an Apache Kafka is started")


@contextmanager
def open_broker(bootstrap: str | None, say: Callable[[str], object]) -> Iterator[tuple[str, str]]:
    """Address and name of the broker: one of our own, or the one that is given.

    Parameters
    ----------
    bootstrap : str or None
        Of ``--broker``.
    say : callable
        Is told of its start.
    """
    if bootstrap:
        yield bootstrap, "given"
        return
    with ApacheKafka(say=say) as broker:
        yield broker.bootstrap, broker.name
