"""Parameters of models as data: names, kinds, ranges, defaults and one sentence each.

The same table validates constructor arguments, answers ``streamwarden check`` and fills the model pages of the docs.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from models.errors import ParameterError

__all__ = [
    "CLIP_GRADIENT",
    "GRACE_PERIOD",
    "INTERCEPT_LR",
    "LEARNING_RATE",
    "Kind",
    "Parameter",
    "nearest_name",
    "settle_parameters",
]

Kind = Literal["int", "float", "bool", "str", "names", "limits", "mapping", "model"]

_KIND_TEXT: dict[str, str] = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "str": "a text",
    "names": "a list of distinct feature names",
    "limits": "a pair [low, high] with low < high, or one pair per feature (a list, or a mapping by feature name)",
    "mapping": "a mapping by name",
    "model": "a mapping {model: name, parameters: {...}}",
}


@dataclass(frozen=True)
class Parameter:
    """One constructor parameter of a model.

    Parameters
    ----------
    name : str
        Name as written in ``topics.yaml``.
    kind : str
        ``int``, ``float``, ``bool``, ``str``, ``names``, ``limits``, ``mapping`` or ``model``.
    default : object
        Value used when the parameter is left out; ``...`` = there is none, it must be given.
    sentence : str
        What it does, in one sentence.
    minimum, maximum : float, optional
        Range, ends included unless `is_open`.
    is_open : bool
        True = the ends of the range are excluded.
    choices : tuple of str
        Allowed texts, for kind ``str``.
    is_optional : bool
        True = None is a value too.

    Examples
    --------
    >>> Parameter("window_size", "int", 250, "Samples per window.", minimum=1).range_text
    'an integer, at least 1'
    """

    name: str
    kind: Kind
    default: Any
    sentence: str
    minimum: float | None = None
    maximum: float | None = None
    is_open: bool = False
    choices: tuple[str, ...] = ()
    is_optional: bool = False

    @property
    def is_required(self) -> bool:
        """True when there is no default."""
        return self.default is ...

    @property
    def range_text(self) -> str:
        """What is accepted, in words."""
        parts = [_KIND_TEXT[self.kind]]
        if self.choices:
            parts = ["one of " + ", ".join(self.choices)]
        if self.minimum is not None:
            parts.append(f"{'above' if self.is_open else 'at least'} {self.minimum:g}")
        if self.maximum is not None:
            parts.append(f"{'below' if self.is_open else 'at most'} {self.maximum:g}")
        return ", ".join(parts) + (", or null" if self.is_optional else "")

    def settle(self, model: str, value: Any) -> Any:
        """Check `value` and return it in its canonical, JSON-serialisable form.

        Raises
        ------
        ParameterError
            Wrong type or out of range.

        Examples
        --------
        >>> Parameter("q", "float", 0.5, "Quantile.", minimum=0, maximum=1).settle("demo", 1)
        1.0
        """
        if value is None and self.is_optional:
            return None
        settled = self._convert(value)
        if settled is None or not self._is_in_range(settled):
            raise ParameterError(model, self.name, expected=self.range_text, found=value)
        return settled

    def _convert(self, value: Any) -> Any:
        """`value` in canonical form, or None when it is of a wrong type."""
        match self.kind:
            case "int":
                return int(value) if _is_number(value) and float(value).is_integer() else None
            case "float":
                return float(value) if _is_number(value) else None
            case "bool":
                return value if isinstance(value, bool) else None
            case "str":
                return value if isinstance(value, str) and (not self.choices or value in self.choices) else None
            case "names":
                return _convert_names(value)
            case "limits":
                return _convert_limits(value)
            case "mapping":
                return dict(value) if isinstance(value, Mapping) and all(isinstance(name, str) for name in value) else None
            case "model":
                return _convert_model(value)

    def _is_in_range(self, value: Any) -> bool:
        if self.kind not in ("int", "float"):
            return True
        low, high = self.minimum, self.maximum
        if self.is_open:
            return (low is None or value > low) and (high is None or value < high)
        return (low is None or value >= low) and (high is None or value <= high)


GRACE_PERIOD = Parameter(
    "grace_period", "int", 0, "Samples before which a series is not scored; 0 = as river does.", minimum=0, maximum=1_000_000_000
)
"""Shared by the models whose river original has no grace period of its own."""

LEARNING_RATE = Parameter("learning_rate", "float", 0.01, "Step of the weights.", minimum=0, maximum=1)
INTERCEPT_LR = Parameter("intercept_lr", "float", 0.01, "Step of the intercept.", minimum=0, maximum=1)
CLIP_GRADIENT = Parameter("clip_gradient", "float", 1e12, "Greatest absolute gradient.", minimum=0)
"""Shared by the models trained by stochastic gradient descent."""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _convert_names(value: Any) -> list[str] | None:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return None
    names = list(value)
    if not names or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        return None
    return names


def _convert_pair(value: Any) -> list[float] | None:
    if isinstance(value, str) or not isinstance(value, Sequence) or len(value) != 2:
        return None
    low, high = value
    return [float(low), float(high)] if _is_number(low) and _is_number(high) and low < high else None


def _convert_limits(value: Any) -> list[Any] | dict[str, Any] | None:
    if isinstance(value, Mapping):
        named = {name: _convert_pair(pair) for name, pair in value.items()}
        return named if all(isinstance(name, str) and pair is not None for name, pair in named.items()) else None
    if pair := _convert_pair(value):
        return pair
    if isinstance(value, str) or not isinstance(value, Sequence) or not value:
        return None
    pairs = [_convert_pair(pair) for pair in value]
    return pairs if all(pair is not None for pair in pairs) else None


def _convert_model(value: Any) -> dict[str, Any] | None:
    if not isinstance(value, Mapping) or not isinstance(value.get("model"), str) or set(value) - {"model", "parameters"}:
        return None
    parameters = value.get("parameters", {})
    return {"model": value["model"], "parameters": dict(parameters)} if isinstance(parameters, Mapping) else None


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`, or None when none is near.

    Examples
    --------
    >>> nearest_name("windowsize", ["window_size", "seed"])
    'window_size'
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return near[0] if near else None


def settle_parameters(model: str, schema: Sequence[Parameter], given: Mapping[str, Any]) -> dict[str, Any]:
    """Check `given` against `schema`, fill the defaults, and return every parameter in canonical form.

    Raises
    ------
    ParameterError
        A name is unknown (the nearest known one is suggested), a required parameter is missing, or a value is refused.

    Examples
    --------
    >>> schema = (Parameter("seed", "int", 42, "Seed."),)
    >>> settle_parameters("demo", schema, {})
    {'seed': 42}
    >>> settle_parameters("demo", schema, {"sed": 1})
    Traceback (most recent call last):
        ...
    models.errors.ParameterError: demo.sed: expected a known parameter (did you mean 'seed'?); found 'sed'
    """
    known = [parameter.name for parameter in schema]
    for name in given:
        if name not in known:
            near = nearest_name(name, known)
            cure = f"did you mean {near!r}?" if near else f"known: {', '.join(known) or 'none'}"
            raise ParameterError(model, name, expected=f"a known parameter ({cure})", found=name)
    settled: dict[str, Any] = {}
    for parameter in schema:
        if parameter.name in given:
            settled[parameter.name] = parameter.settle(model, given[parameter.name])
        elif parameter.is_required:
            raise ParameterError(model, parameter.name, expected=f"{parameter.range_text} (it has no default)", found=None)
        else:
            settled[parameter.name] = parameter.default
    return settled
