"""A river model from what a configuration says of it: its class path, and its constructor's arguments."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from river import base as river_base

from models.errors import ParameterError
from models.river_model.kinds import EXPECTED, tell_kind
from models.river_model.seeds import SEED, settle_seeds

__all__ = ["construct_model"]

_NAME = "river_model"
_MODULES = ("anomaly", "drift", "drift.binary", "time_series", "linear_model", "tree", "neighbors")
"""Where what can score is found, for hints."""


def construct_model(path: str, parameters: Mapping[str, Any]) -> Any:
    """The river model at `path`, which has learned nothing; a seed that was left out in any part of it is settled.

    Parameters
    ----------
    path : str
        Class path, as ``river.anomaly.LODA``.
    parameters : mapping
        Its constructor's arguments.  A nested river object is ``{path: ..., parameters: {...}}``; what the constructor takes as
        ``*name`` is a list under that name.

    Raises
    ------
    ParameterError
        No such class, one that is no model by itself, refused arguments, or a seed of None.

    Examples
    --------
    >>> construct_model("river.anomaly.LODA", {"n_bins": 5}).seed
    42
    >>> steps = [{"path": "river.preprocessing.StandardScaler"}, {"path": "river.anomaly.LODA"}]
    >>> list(construct_model("river.compose.Pipeline", {"steps": steps}).steps)
    ['StandardScaler', 'LODA']
    """
    cure = tell_kind(_find_class(path))
    if cure:
        raise ParameterError(_NAME, "path", expected=EXPECTED, found=path, cure=cure)
    model = _construct(path, parameters)
    settle_seeds(model)
    return model


def _find_class(path: str) -> type[Any]:
    """The river class at `path`."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name) if module.split(".")[0] == "river" else None
    except (ImportError, AttributeError):
        found = None
    if not isinstance(found, type) or not issubclass(found, river_base.Base):
        raise ParameterError(
            _NAME, "path", expected="the path of a river class, as river.anomaly.LODA", found=path, cure=_cure_path(path)
        )
    return found


def _cure_path(path: str) -> str:
    """The nearest class that can be named.

    Examples
    --------
    >>> _cure_path("river.anomaly.LODAA"), _cure_path("HalfSpaceTrees")
    ('did you mean river.anomaly.LODA?', 'did you mean river.anomaly.HalfSpaceTrees?')
    """
    modules = {name: import_module(f"river.{name}") for name in _MODULES}
    paths = [f"river.{name}.{one}" for name, module in modules.items() for one in module.__all__ if one[:1].isupper()]
    by_name = [one for one in paths if one.endswith(f".{path.rpartition('.')[2]}")]
    near = by_name or difflib.get_close_matches(path, paths, n=1, cutoff=0.9)
    if near:
        return f"did you mean {near[0]}?"
    return f"name a class by its whole path, of {', '.join(f'river.{name}' for name in _MODULES)}, or another model of river"


def _construct(path: str, parameters: Mapping[str, Any]) -> Any:
    found = _find_class(path)
    known = inspect.signature(found).parameters
    arguments = {key: _construct_nested(value) for key, value in parameters.items()}
    if "seed" in known and arguments.setdefault("seed", SEED) is None:
        raise ParameterError(_NAME, "parameters", expected=f"a seed of {path} (None draws from the clock)", found=None)
    # The steps of a pipeline, and what else a constructor takes as ``*name``, are a list under that name.
    listed = [name for name, one in known.items() if one.kind is one.VAR_POSITIONAL and isinstance(arguments.get(name), list)]
    positional = [item for name in listed for item in arguments.pop(name)]
    try:
        return found(*positional, **arguments)
    except Exception as error:
        cure = f"{path} takes {', '.join(known)}" if known else f"{path} takes no arguments: remove them"
        raise ParameterError(
            _NAME, "parameters", expected=f"arguments of {path} ({error})", found=dict(parameters), cure=cure
        ) from error


def _construct_nested(value: Any) -> Any:
    if isinstance(value, Mapping) and set(value) <= {"path", "parameters"} and "path" in value:
        return _construct(value["path"], value.get("parameters", {}))
    return [_construct_nested(item) for item in value] if isinstance(value, list) else value
