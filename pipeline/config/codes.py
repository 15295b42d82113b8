"""Codes of what can be wrong with a configuration: stable, few, one sentence each."""

from __future__ import annotations

__all__ = ["CODES"]

CODES: dict[str, str] = {
    "CFG001": "The file cannot be read.",
    "CFG002": "The file is not UTF-8 text.",
    "CFG003": "The file is not YAML.",
    "CFG004": "The file is empty.",
    "CFG005": "The top of the file is not a mapping of keys to values.",
    "CFG006": "A key is there twice in one mapping.",
    "CFG007": "A key is not text.",
    "CFG008": "A YAML tag is not supported.",
    "CFG009": "The file is too large, too deep, or an alias refers to itself.",
    "CFG101": "A key is unknown.",
    "CFG102": "A key that must be there is missing.",
    "CFG201": "A value is of the wrong type.",
    "CFG202": "A value is not one of those allowed.",
    "CFG203": "A number is out of its range.",
    "CFG204": "A text is not of the form it must have.",
    "CFG205": "A list or mapping has too few or too many entries.",
    "CFG206": "A number cannot be held in 64 bits.",
    "CFG301": "A name is used twice.",
    "CFG302": "A topic is both read and written.",
    "CFG303": "A topic's kind and format do not go together.",
    "CFG304": "A detector or rule can never apply, because an earlier one takes everything it fits.",
    "CFG305": "A detector or rule refers to something that is not there.",
    "CFG306": "Two values contradict each other.",
    "CFG307": "A Kafka topic setting would break what the topic is for, or is misspelt.",
    "CFG401": "A model is unknown.",
    "CFG402": "A model parameter is unknown.",
    "CFG403": "A model parameter is missing, of the wrong type or out of its range.",
    "CFG404": "A detector asks for what its model does not have.",
    "CFG405": "A model cannot score, or learn from, what its detector gives it.",
    "CFG501": "Settings that the security protocol or mechanism needs are missing, or it has no use for them.",
    "CFG502": "A secret must be named by exactly one of env and file.",
    "CFG503": "A secret cannot be had: its environment variable is not set or its file cannot be read.",
}
"""Sentence by code.  ``CFG0``: reading, ``CFG1``: keys, ``CFG2``: single values, ``CFG3``: values together, ``CFG4``: models,
``CFG5``: security."""
