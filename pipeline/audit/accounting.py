"""The audit of the accounting identity: from the topics alone, by a client that is not the worker's.

Of every source partition with a checkpoint:

1. The records that stand in the topic between the first offset and the checkpoint's are as many as the checkpoint accounts for, each
   in one outcome.
2. The dead letters are as many as it says, and each holds its record's own bytes.
3. Put through a fresh engine, the records come to the very same account, to the very same anomalies, and to no others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pipeline.audit.finding import PartitionAudit
from pipeline.audit.outputs import Letters, Published, read_outputs
from pipeline.audit.stored import StoredAccount, find_ends, read_stored_account
from pipeline.client.range_reader import read_range
from pipeline.client.topic_reader import TopicRecord
from pipeline.codecs.record import RecordBatch
from pipeline.config.fingerprint import config_hash
from pipeline.config.schema import Config, SourceTopic
from pipeline.engine.lane import Lane

__all__ = ["audit_accounting", "compare_account"]

_MAX_NAMED = 5

Progress = Callable[[str, int, int], None]
"""Told of records read: ``(topic, partition, n_records)``."""


def audit_accounting(
    settings: dict[str, Any], config: Config, *, recompute: bool = True, progress: Progress = lambda *_: None
) -> Iterator[PartitionAudit]:
    """Audit every source partition, one after another.  Reads, never writes.

    Parameters
    ----------
    settings : mapping
        Connection settings of kafka-python.
    config : Config
        Of the workers.
    recompute : bool
        False = only count.
    progress : callable
        See `Progress`.

    Raises
    ------
    BrokerError
        The broker cannot be reached, or a topic is not there.
    StateError
        A checkpoint cannot be read.
    """
    letters, published, unreadable = read_outputs(settings, config)
    for source in config.topics:
        ends = find_ends(settings, source.name)
        for partition, first in enumerate(ends.first):
            audit = PartitionAudit(source.name, partition)
            for topic, n in sorted(unreadable.items()):
                audit.notes.append(f"{n} messages on {topic} are not Streamwarden's and were passed over")
            account = read_stored_account(settings, config, source.name, partition)
            if account is None:
                audit.notes.append("no checkpoint: no worker of the group has finished one here")
            else:
                key = (source.name, partition)
                evidence = (letters.get(key, Letters()), published.get(key, Published()))
                _audit_partition(settings, config, source, audit, account, evidence, first, recompute, progress)
            yield audit


def _audit_partition(
    settings: Mapping[str, Any],
    config: Config,
    source: SourceTopic,
    audit: PartitionAudit,
    account: StoredAccount,
    evidence: tuple[Letters, Published],
    oldest_offset: int,
    recompute: bool,
    progress: Progress,
) -> None:
    letters, published = evidence
    audit.first_offset, audit.next_offset = account.first_offset, account.offset
    audit.records = dict(account.accounting["records"])
    audit.n_replayed = int(account.accounting["replayed"])
    start = max(account.first_offset, oldest_offset, 0)
    audit.n_gone = max(oldest_offset - max(account.first_offset, 0), 0)
    hash_now = config_hash(config)
    is_whole = audit.n_gone == 0 and account.first_offset >= 0 and not audit.n_replayed
    if recompute and not is_whole:
        audit.notes.append("not recomputed: the engine's state does not begin with a record that is still there")
    if recompute and account.config_hash != hash_now:
        audit.notes.append(f"not recomputed: the checkpoint is of configuration {account.config_hash}, this one is {hash_now}")
    is_recomputed = audit.is_recomputed = recompute and is_whole and account.config_hash == hash_now
    lane = Lane(config, source, audit.partition, config_hash=hash_now)
    computed: dict[str, bytes] = {}
    mismatched: list[int] = []
    found: set[int] = set()
    refused: set[int] = set()
    for records in read_range(settings, source.name, audit.partition, start, account.offset, isolation=config.worker.isolation):
        audit.n_records += len(records)
        progress(source.name, audit.partition, len(records))
        for record in records:
            if record.offset in letters.value_by_offset:
                found.add(record.offset)
                if letters.value_by_offset[record.offset] != record.value:
                    mismatched.append(record.offset)
        if is_recomputed:
            output = lane.process(_to_batch(records))
            refused |= {letter.offset for letter in output.dead_letters}
            computed |= {anomaly.id: anomaly.to_json() for anomaly in output.anomalies}
    audit.n_dead_letters, audit.n_repeated_letters = len(found), letters.n_repeated
    within = {name for name, offset in published.offset_by_id.items() if offset < account.offset}
    audit.n_anomalies, audit.n_repeated_anomalies = len(within), published.n_repeated
    compare_account(audit, account.accounting, mismatched=mismatched, differing=(letters.differing, published.differing))
    if is_recomputed and refused != found:
        audit.problems.append(
            f"dead letters recomputed: {_name_some(sorted(refused - found)) or 'none'} missing, "
            f"{_name_some(sorted(found - refused)) or 'none'} for no reason"
        )
    if is_recomputed:
        _compare_recomputed(audit, account.accounting, lane, computed, published, within)


def compare_account(
    audit: PartitionAudit,
    told: Mapping[str, Any],
    *,
    mismatched: list[int],
    differing: tuple[list[int], list[str]],
) -> None:
    """Note what the counts of a checkpoint and those of the topics do not agree about.

    Parameters
    ----------
    audit : PartitionAudit
        With what was counted; problems are added.
    told : mapping
        `Accounting.to_dict` of the checkpoint.
    mismatched : list of int
        Source offsets whose dead letter holds other bytes than the record.
    differing : (list of int, list of str)
        Source offsets with dead letters that differ, ids with anomalies that differ.

    Examples
    --------
    >>> audit = PartitionAudit("m", 0, first_offset=0, next_offset=4, n_records=4, records={"scored": 3, "dead_lettered": 0})
    >>> told = {"consumed": 3, "replayed": 0, "records": audit.records, "reasons": {}}
    >>> compare_account(audit, told, mismatched=[], differing=([], []))
    >>> audit.problems
    ['4 records stand in the topic, the checkpoint accounts for 3 (3 scored, 0 dead_lettered)']
    """
    parts = ", ".join(f"{n} {name}" for name, n in told["records"].items())
    n_accounted = sum(told["records"].values())
    if told["consumed"] != n_accounted + told["replayed"]:
        audit.problems.append(f"the checkpoint says {told['consumed']} consumed, but accounts for {n_accounted} ({parts})")
    # Replayed ones were accounted for before the restart.
    if audit.n_gone == 0 and audit.first_offset >= 0 and not told["replayed"] and n_accounted != audit.n_records:
        audit.problems.append(
            f"{audit.n_records} records stand in the topic, the checkpoint accounts for {n_accounted} ({parts})"
        )
    # Not the records whose outcome it is: one of many samples can have a letter for one of them, and scored ones.
    n_letters = sum(told["reasons"].get("dead_lettered", {}).values())
    if audit.n_gone == 0 and not told["replayed"] and n_letters != audit.n_dead_letters:
        audit.problems.append(f"{audit.n_dead_letters} records have a dead letter, the checkpoint says {n_letters}")
    if mismatched:
        audit.problems.append(f"dead letters of {_name_some(mismatched)} hold other bytes than their records")
    if differing[0]:
        audit.problems.append(f"dead letters of {_name_some(differing[0])} differ among themselves")
    if differing[1]:
        audit.problems.append(f"anomalies of one id differ among themselves: {_name_some(differing[1])}")


def _compare_recomputed(
    audit: PartitionAudit,
    told: Mapping[str, Any],
    lane: Lane,
    computed: Mapping[str, bytes],
    published: Published,
    within: set[str],
) -> None:
    again = lane.accounting.to_dict()
    for name in ("records", "samples", "reasons", "anomalous"):
        if again[name] != told[name]:
            audit.problems.append(f"{name} recomputed: {again[name]}, the checkpoint says {told[name]}")
    lost = [name for name in computed if name not in published.value_by_id]
    made_up = [name for name in within if name not in computed]
    other = [name for name in within if name in computed and published.value_by_id[name] != computed[name]]
    if lost:
        audit.problems.append(f"{len(lost)} anomalies were not published: {_name_some(lost)}")
    if made_up:
        audit.problems.append(
            f"{len(made_up)} anomalies were published that do not follow from the records: {_name_some(made_up)}"
        )
    if other:
        audit.problems.append(f"{len(other)} anomalies were published with other bytes: {_name_some(other)}")


def _name_some(named: list[Any]) -> str:
    shown = ", ".join(str(one) for one in sorted(named)[:_MAX_NAMED])
    return shown if len(named) <= _MAX_NAMED else f"{shown} and {len(named) - _MAX_NAMED} more"


def _to_batch(records: list[TopicRecord]) -> RecordBatch:
    return RecordBatch.from_rows(
        records[0].topic,
        records[0].partition,
        [(record.offset, record.timestamp_ms, record.key, record.value) for record in records],
        headers={row: record.headers for row, record in enumerate(records) if record.headers},
    )
