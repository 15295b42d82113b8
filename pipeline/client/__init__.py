"""Plain Kafka clients for the command line: reading the output topics, writing records in their order.  No group, no Faust."""

from pipeline.client.record_writer import RecordWriter
from pipeline.client.topic_reader import ReadStart, TopicReader, TopicRecord

__all__ = ["ReadStart", "RecordWriter", "TopicReader", "TopicRecord"]
