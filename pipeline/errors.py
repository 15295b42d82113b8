"""The exception tree of the pipeline.

::

    StreamwardenError
    ├── ConfigError            topics.yaml or the command line is wrong; every problem at once; exit code 2
    ├── RecordError            one record is bad: it goes to dead-letters, the batch goes on
    │   ├── DecodeError          bytes are not what the topic's format says
    │   ├── SampleError          decoded, but not a usable sample
    │   └── PoisonError          a stage failed on it, for whatever reason
    ├── HistoryError           a file cannot be read as history; exit code 2
    ├── BrokerError            Kafka refused or cannot be reached
    ├── ProviderError          a cross-check provider failed; verdict becomes "unknown"
    ├── SinkError              an output refused an event
    └── StateError             state is uncertain: the process stops

Every class has `code` (stable, few values), `stage` and `is_retriable`; the text says where, what was found, what was
expected and the cure.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BrokerError",
    "ConfigError",
    "DecodeError",
    "HistoryError",
    "PoisonError",
    "ProviderError",
    "RecordError",
    "SampleError",
    "SinkError",
    "StateError",
    "StreamwardenError",
]


class StreamwardenError(Exception):
    """Base of everything the pipeline raises on purpose.

    Parameters
    ----------
    message : str
        Where, what was found, what was expected, the cure.
    code : str, optional
        Stable machine-readable code; the class's own when not given.

    Examples
    --------
    >>> StateError("checkpoint of a later version").code
    'STATE'
    """

    default_code: ClassVar[str] = "STREAMWARDEN"
    stage: ClassVar[str] = "any"
    is_retriable: ClassVar[bool] = False
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class ConfigError(StreamwardenError):
    """The configuration is wrong.  `problems` holds one rendered line group a problem."""

    default_code = "CONFIG"
    stage = "config"
    exit_code = 2

    def __init__(self, message: str, *, code: str | None = None, problems: tuple[str, ...] = ()) -> None:
        super().__init__(message, code=code)
        self.problems = problems


class RecordError(StreamwardenError):
    """One record cannot be used.  It is dead-lettered with `code` and `stage`; nothing else is affected."""

    default_code = "RECORD"
    stage = "decode"


class DecodeError(RecordError):
    """The bytes are not what the topic's format says."""

    default_code = "DECODE"
    stage = "decode"


class SampleError(RecordError):
    """The record was decoded but holds no usable sample (labels, timestamp or value)."""

    default_code = "SAMPLE"
    stage = "extract"


class PoisonError(RecordError):
    """A stage raised what it should not have on this record: a fault of ours, which costs this record and no other."""

    default_code = "POISON"
    stage = "engine"


class HistoryError(StreamwardenError):
    """A file cannot be read as history: file, line or column, what was found, what was expected, the cure."""

    default_code = "HISTORY"
    stage = "history"
    exit_code = 2


class BrokerError(StreamwardenError):
    """Kafka refused a request or cannot be reached."""

    default_code = "BROKER"
    stage = "broker"
    is_retriable = True
    exit_code = 3


class ProviderError(StreamwardenError):
    """A cross-check provider failed or timed out; the verdict becomes ``unknown``, the alert goes on.

    Parameters
    ----------
    retry_after_secs : float, optional
        Earliest useful retry, when the provider said so.
    """

    default_code = "PROVIDER"
    stage = "crosscheck"
    is_retriable = True

    def __init__(self, message: str, *, code: str | None = None, retry_after_secs: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_secs = retry_after_secs


class SinkError(StreamwardenError):
    """An output refused an event.

    Parameters
    ----------
    retry_after_secs : float, optional
        Earliest useful retry; None = permanent.
    """

    default_code = "SINK"
    stage = "sink"

    def __init__(self, message: str, *, code: str | None = None, retry_after_secs: float | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_secs = retry_after_secs


class StateError(StreamwardenError):
    """State is uncertain (a damaged checkpoint, an accounting identity that does not add up): the process must stop."""

    default_code = "STATE"
    stage = "engine"
    exit_code = 4
