"""Reading history: CSV, JSON lines, Parquet and log files → the records their replay puts on a topic; scoring them without Kafka.

`replay` and `score` share every step up to the record's bytes, key, timestamp and partition, so that a file scored here
gives the anomalies its replay gives in the worker, byte for byte.
Scoring (`pipeline.history.scoring`) is imported by itself: it brings the models along.
"""

from pipeline.history.entry import Entry, HistoryRecord, LineEntry, RawEntry, SampleEntry
from pipeline.history.options import HistoryOptions
from pipeline.history.partition import partition_of
from pipeline.history.reader import History, open_history

__all__ = [
    "Entry",
    "History",
    "HistoryOptions",
    "HistoryRecord",
    "LineEntry",
    "RawEntry",
    "SampleEntry",
    "open_history",
    "partition_of",
]
