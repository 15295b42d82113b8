"""River objects as JSON and back, without pickle.

An object is taken apart by the protocol pickle uses (`object.__reduce_ex__`), but what it may be put together from is a closed
list: river's own classes, and a few of the standard library and NumPy.  A snapshot can therefore not name a callable that does
anything but build a value.
"""

from __future__ import annotations

import base64
import copyreg
import json
import math
import random
from collections.abc import Callable
from importlib import import_module
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Literal, NamedTuple

import numpy as np
from river.proba.base import Distribution

from models.errors import SnapshotError

__all__ = ["decode", "encode"]

_SEED = 42

_ALLOWED = {
    "builtins": {
        "bool",
        "bytes",
        "complex",
        "dict",
        "float",
        "frozenset",
        "int",
        "list",
        "object",
        "range",
        "set",
        "str",
        "tuple",
    },
    "collections": {"Counter", "OrderedDict", "defaultdict", "deque"},
    "copyreg": {"__newobj__", "_reconstructor"},
    "datetime": {"date", "datetime", "timedelta"},
    "functools": {"partial"},
    "itertools": {"count"},
    "numpy": {"bool", "dtype", "float32", "float64", "int32", "int64"},
    "numpy._core.multiarray": {"scalar"},
    "random": {"Random"},
    "statistics": {"NormalDist"},
}


def encode(value: Any) -> bytes:
    """`value` as canonical JSON.

    Raises
    ------
    SnapshotError
        Something in it is neither plain data nor built from the allowed classes (a lambda, say).

    Examples
    --------
    >>> decode(encode({"a": (1, 2.5, float("inf"))}))
    {'a': (1, 2.5, inf)}
    """
    return json.dumps(_Encoder().encode(value), separators=(",", ":"), allow_nan=False).encode()


def decode(data: bytes) -> Any:
    """The value that was encoded.

    Raises
    ------
    SnapshotError
        Damaged, or it names something that is not allowed.

    Examples
    --------
    >>> decode(b'["name", "os:system"]')
    Traceback (most recent call last):
        ...
    models.errors.SnapshotError: the snapshot names 'os:system', which is not allowed in one
    """
    try:
        return _Decoder().decode(json.loads(data))
    except SnapshotError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, ImportError) as error:
        raise SnapshotError(f"the snapshot of a river model is damaged: {error}") from error


class _Seeded(NamedTuple):
    """A generator of random numbers as its seed makes it."""

    seed: int


class _Encoder:
    """Takes one object graph apart; shared objects are written once and referred to by number."""

    def __init__(self) -> None:
        self._number_by_id: dict[int, int] = {}
        self._kept: list[Any] = []

    def encode(self, value: Any) -> Any:
        if value is None or (isinstance(value, bool | str) and type(value) in (bool, str)):
            return value
        if type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else ["float", repr(value)]
        if type(value) is _Seeded:
            return ["random", value.seed]
        if type(value) is bytes:
            return ["bytes", base64.b64encode(value).decode()]
        if type(value) is tuple:
            return ["tuple", [self.encode(item) for item in value]]
        if isinstance(value, type | FunctionType | BuiltinFunctionType):
            return ["name", _get_name(value)]
        if type(value) is MethodType and type(value.__self__).__module__.startswith("river."):
            return ["method", self.encode(value.__self__), value.__name__]
        if id(value) in self._number_by_id:
            return ["ref", self._number_by_id[id(value)]]
        number = len(self._number_by_id)
        self._number_by_id[id(value)] = number
        self._kept.append(value)
        if type(value) is list:
            return ["list", number, [self.encode(item) for item in value]]
        if type(value) is dict:
            return ["dict", number, [[self.encode(key), self.encode(item)] for key, item in value.items()]]
        if type(value) in (set, frozenset):
            items = sorted((self.encode(item) for item in value), key=json.dumps)
            return [type(value).__name__, number, items]
        if type(value) is np.ndarray and not value.dtype.hasobject:
            # Products of matrices round differently by the order of their elements in memory, so the order is state.
            order: Literal["C", "F"] = "F" if value.flags.f_contiguous and not value.flags.c_contiguous else "C"
            data = base64.b64encode(value.tobytes(order)).decode()
            return ["array", number, value.dtype.str, list(value.shape), data, *(["F"] if order == "F" else [])]
        if type(value) is np.random.RandomState:
            return ["randoms", number, self.encode(value.get_state(legacy=False))]
        return self._encode_object(value, number)

    def _encode_object(self, value: Any, number: int) -> Any:
        try:
            reduced = value.__reduce_ex__(4)
        except (TypeError, AttributeError) as error:
            raise SnapshotError(f"a {type(value).__name__} cannot be put into a snapshot: {error}") from error
        if isinstance(reduced, str):
            raise SnapshotError(f"a {type(value).__name__} cannot be put into a snapshot: it is known by name only")
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        if isinstance(value, Distribution) and value.seed is None:
            # Drawn from the clock, never drawn from by a model, and most of its bytes: no state.
            state = {**state, "_rng": _Seeded(_SEED)}
        return [
            "object",
            number,
            _get_name(make),
            [self.encode(argument) for argument in arguments],
            self.encode(state),
            None if items is None else [self.encode(item) for item in items],
            None if pairs is None else [[self.encode(key), self.encode(item)] for key, item in pairs],
        ]


class _Decoder:
    """Puts one object graph together again."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}

    def decode(self, node: Any) -> Any:
        if not isinstance(node, list):
            return node
        kind, *rest = node
        build: Callable[..., Any] | None = getattr(self, f"_decode_{kind}", None)
        if build is None:
            raise SnapshotError(f"the snapshot of a river model holds a node of unknown kind {kind!r}")
        return build(*rest)

    def _decode_float(self, text: str) -> float:
        return float(text)

    def _decode_random(self, seed: int) -> random.Random:
        return random.Random(seed)  # noqa: S311 - river's generator

    def _decode_bytes(self, text: str) -> bytes:
        return base64.b64decode(text)

    def _decode_tuple(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(self.decode(item) for item in items)

    def _decode_name(self, name: str) -> Any:
        return _find(name)

    def _decode_method(self, owner: Any, name: str) -> Any:
        made = self.decode(owner)
        if not type(made).__module__.startswith("river.") or not isinstance(getattr(type(made), name), FunctionType):
            raise SnapshotError(f"the snapshot of a river model names {name!r}, which is no method of its own")
        return getattr(made, name)

    def _decode_randoms(self, number: int, state: Any) -> np.random.RandomState:
        self._made[number] = made = np.random.RandomState()
        made.set_state(self.decode(state))
        return made

    def _decode_ref(self, number: int) -> Any:
        return self._made[number]

    def _decode_list(self, number: int, items: list[Any]) -> list[Any]:
        made: list[Any] = []
        self._made[number] = made
        made.extend(self.decode(item) for item in items)
        return made

    def _decode_dict(self, number: int, pairs: list[Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        self._made[number] = made
        for key, item in pairs:
            made[self.decode(key)] = self.decode(item)
        return made

    def _decode_set(self, number: int, items: list[Any]) -> set[Any]:
        self._made[number] = made = {self.decode(item) for item in items}
        return made

    def _decode_frozenset(self, number: int, items: list[Any]) -> frozenset[Any]:
        self._made[number] = made = frozenset(self.decode(item) for item in items)
        return made

    def _decode_array(self, number: int, dtype: str, shape: list[int], text: str, order: Literal["C", "F"] = "C") -> Any:
        flat = np.frombuffer(base64.b64decode(text), dtype=np.dtype(dtype))
        self._made[number] = made = flat.reshape(shape, order=order).copy(order)
        return made

    def _decode_object(self, number: int, name: str, arguments: Any, state: Any, items: Any, pairs: Any) -> Any:
        make = _find(name)
        if not isinstance(make, type) and make not in (copyreg.__newobj__, copyreg._reconstructor, _SCALAR):  # type: ignore[attr-defined]
            raise SnapshotError(f"the snapshot of a river model calls {name!r}, which builds no value")
        made = make(*(self.decode(argument) for argument in arguments))
        self._made[number] = made
        if state is not None:
            _set_state(made, self.decode(state))
        for item in items or ():
            made.append(self.decode(item))
        for key, item in pairs or ():
            made[self.decode(key)] = self.decode(item)
        return made


_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]


def _set_state(made: Any, state: Any) -> None:
    """Give `made` its state, as pickle would."""
    if hasattr(made, "__setstate__"):
        made.__setstate__(state)
        return
    plain, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
    made.__dict__.update(plain or {}) if plain else None
    for name, value in (slots or {}).items():
        setattr(made, name, value)


def _get_name(value: Any) -> str:
    name = f"{value.__module__}:{value.__qualname__}"
    if _find(name) is not value:
        raise SnapshotError(f"{name} cannot be put into a snapshot: it is not found by this name")
    return name


def _find(name: str) -> Any:
    """The allowed class or function called `name`."""
    module, _, path = name.partition(":")
    is_river = module == "river" or module.startswith("river.")
    if not is_river and path not in _ALLOWED.get(module, ()):
        raise SnapshotError(f"the snapshot names {name!r}, which is not allowed in one")
    # Submodules of river's Rust library are attributes of it, not modules that can be imported.
    root, _, rest = (module, "", "") if "._river_rust." not in module else module.partition("._river_rust.")
    found: Any = import_module(f"{root}._river_rust" if rest else root)
    for part in (f"{rest}." * bool(rest) + path).split("."):
        found = getattr(found, part, None)
    return found
