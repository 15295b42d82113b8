"""Brokers of one's own on this machine: Apache Kafka from its Maven artifact, and the embedded Tansu broker."""
