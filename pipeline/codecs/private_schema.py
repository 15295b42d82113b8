"""Protobuf messages made at run time in a pool of their own: no generated file, and no clash with other packages' messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

__all__ = ["make_messages"]

_FIELD = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "bytes": _FIELD.TYPE_BYTES,
    "double": _FIELD.TYPE_DOUBLE,
    "fixed64": _FIELD.TYPE_FIXED64,
    "int64": _FIELD.TYPE_INT64,
    "sfixed64": _FIELD.TYPE_SFIXED64,
    "uint32": _FIELD.TYPE_UINT32,
    "bool": _FIELD.TYPE_BOOL,
}

FieldSpec = tuple[str, int, str]
"""Name, number, type: one of protobuf's, or another message of the schema; ``*`` before it = repeated, ``?`` = with presence."""


def make_messages(package: str, schema: Mapping[str, list[FieldSpec]]) -> dict[str, Any]:
    """Message classes by name.

    Parameters
    ----------
    package : str
        Name of their package.
    schema : mapping of str to list of FieldSpec
        Fields by name of the message.

    Examples
    --------
    >>> messages = make_messages("example", {"Pair": [("left", 1, "int64"), ("right", 2, "*bytes")]})
    >>> messages["Pair"](left=7, right=[b"x"]).SerializeToString()
    b'\\x08\\x07\\x12\\x01x'
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for message_name, fields in schema.items():
        message = file.message_type.add(name=message_name)
        for name, number, spelled in fields:
            kind = spelled.lstrip("*?")
            field = message.field.add(
                name=name, number=number, label=_FIELD.LABEL_REPEATED if spelled.startswith("*") else _FIELD.LABEL_OPTIONAL
            )
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = _FIELD.TYPE_MESSAGE
                field.type_name = f".{package}.{kind}"
            if spelled.startswith("?"):
                # proto3's presence is a oneof of one.
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{name}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{name}")) for name in schema}
