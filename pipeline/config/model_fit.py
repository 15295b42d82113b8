"""Whether a detector's model can do what the detector asks of it: take what it gets, and tell what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from models import registry
from models.base import Estimator
from models.errors import ParameterError
from models.made_samples import make_samples
from pipeline.config.cure import show_found
from pipeline.config.report import KeyPath
from pipeline.config.schema import DetectorSettings, GroupSettings

if TYPE_CHECKING:
    from models.river_model.model import RiverModel
    from models.river_model.trial import Trial

__all__ = ["Misfit", "build_detector_model", "find_misfit", "list_hints", "model_parameters", "order_columns"]

_N_SHUT = 200
_FORECASTER = "{path: river.time_series.SNARIMAX, parameters: {p: 1, d: 0, q: 0}}"


class Misfit(NamedTuple):
    """What a model cannot do.

    Attributes
    ----------
    path : tuple
        Key path within the detector.
    code : str
        Of `pipeline.config.codes`.
    expected, found, cure : str
        As in a `Problem`.
    among : tuple of key paths
        What the value is judged by, within the detector.
    """

    path: KeyPath
    code: str
    expected: str
    found: str
    cure: str
    among: tuple[KeyPath, ...] = ()

    def __str__(self) -> str:
        return f"expected {self.expected}; found {self.found}; {self.cure}"


def order_columns(group: GroupSettings) -> list[str]:
    """Features of a group in the order in which its model gets them: the target first.

    Examples
    --------
    >>> order_columns(GroupSettings(by=["host"], features=["cpu", "mem", "latency"], target="latency"))
    ['latency', 'cpu', 'mem']
    """
    first = [] if group.target is None else [group.target]
    return [*first, *(name for name in group.features if name != group.target)]


def model_parameters(detector: DetectorSettings) -> dict[str, Any]:
    """Parameters of a detector's model, with the features of its group as columns, in the model inside it where there is one.

    Examples
    --------
    >>> from pipeline.config.schema import ModelSettings
    >>> group = GroupSettings(by=["host"], features=["cpu", "mem"])
    >>> model_parameters(DetectorSettings(name="d", group=group, model=ModelSettings(type="loda", parameters={"seed": 1})))
    {'seed': 1, 'features': ['cpu', 'mem']}
    """
    if detector.group is None:
        return dict(detector.model.parameters)
    return registry.model_class(detector.model.type).with_features(detector.model.parameters, order_columns(detector.group))


def build_detector_model(detector: DetectorSettings) -> Estimator:
    """The model of a detector, fresh.

    Raises
    ------
    ParameterError
        The model is unknown or refuses its parameters.

    Examples
    --------
    >>> build_detector_model(DetectorSettings(name="all")).name
    'default'
    """
    return registry.build(detector.model.type, model_parameters(detector))


def find_misfit(detector: DetectorSettings) -> Misfit | None:
    """The first thing that the model cannot do; None = it is fit.  A river model is tried on made samples.

    Parameters
    ----------
    detector : DetectorSettings
        Its model, and those inside it, are registered and get parameters that are right one by one.

    Examples
    --------
    >>> print(find_misfit(DetectorSettings(name="d", group=GroupSettings(by=["host"], features=["cpu", "mem"], target="disk"))))
    expected a feature of the group; found disk; name one of cpu, mem
    """
    return next(_find_misfits(detector), None)


def _find_misfits(detector: DetectorSettings) -> Iterator[Misfit]:
    if detector.group is not None:
        yield from _find_in_group(detector, detector.group)
    try:
        model = build_detector_model(detector)
    except ParameterError as error:
        # Parameters that are fine one by one may not go together; the model says which one to change.
        path = _path_of(detector, error)
        cure = error.cure or f"correct {error.parameter} of {error.model}"
        yield Misfit(path, "CFG403", error.expected, show_found(error.found, path), cure)
        return
    if detector.group is None:
        yield from _find_alone(detector, model)
    else:
        yield from _find_columns(detector, detector.group, model)
    yield from _find_in_river(detector, model)
    if detector.direction != "both" and not model.has_expected_value:
        yield Misfit(
            ("direction",),
            "CFG404",
            f"both, because {_name(detector)} has no expected value to be above or below of",
            detector.direction,
            "remove it, or take a model with an expected value, e.g. "
            + ("default" if detector.group is None else "predictive_anomaly_detection over linear_regression"),
            (("model",),),
        )


def _find_in_group(detector: DetectorSettings, group: GroupSettings) -> Iterator[Misfit]:
    for key, names in (("by", group.by), ("features", group.features)):
        for n, one in enumerate(names):
            if one in names[:n]:
                at = ("group", key)
                yield Misfit((*at, n), "CFG301", "every name once", one, "remove one of the two", (at,))
    if group.target is not None and group.target not in group.features:
        cure = f"name one of {', '.join(group.features)}"
        yield Misfit(("group", "target"), "CFG305", "a feature of the group", group.target, cure, (("group", "features"),))
    for path, value in _find_features(("model", "parameters"), detector.model.parameters):
        expected = "no features among the parameters, because those of the group are the columns"
        yield Misfit(path, "CFG404", expected, show_found(value, path), "remove it", (("group",),))


def _find_features(path: KeyPath, parameters: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Where features are named among the parameters of a model or of one inside it."""
    for key, value in parameters.items():
        if key in ("features", "n_features"):
            yield (*path, key), value
        elif isinstance(value, Mapping) and isinstance(value.get("model"), str) and isinstance(value.get("parameters"), Mapping):
            yield from _find_features((*path, key, "parameters"), value["parameters"])


def _find_alone(detector: DetectorSettings, model: Estimator) -> Iterator[Misfit]:
    if model.n_features == 1:
        return
    name = _name(detector)
    yield Misfit(
        ("model",),
        "CFG404",
        "a model of one value, because a detector scores one series at a time",
        f"{name}, which predicts one value from others" if model.has_target else f"{name} with {model.n_features} features",
        "give the detector a group, whose target is what is predicted, or take another model, e.g. holt_winters"
        if model.has_target
        else "remove n_features or features, take another model, or give the detector a group",
    )


def _find_columns(detector: DetectorSettings, group: GroupSettings, model: Estimator) -> Iterator[Misfit]:
    name = _name(detector)
    if model.n_features == 1 and group.target is None:
        yield _refuse_one_value(name)
    if group.target is not None and model.n_features > 1 and not model.has_target:
        yield Misfit(
            ("group", "target"),
            "CFG404",
            f"no target, because {name} predicts no feature: all are alike to it",
            group.target,
            "remove it, or take a model that predicts, e.g. predictive_anomaly_detection over linear_regression",
            (("model",),),
        )


def _refuse_one_value(name: str) -> Misfit:
    takers = [one for one in registry.names() if hasattr(registry.model_class(one), "contributions")]
    return Misfit(
        ("model", "type"),
        "CFG404",
        "a model of vectors, because the detector has a group",
        f"{name}, which looks at one value",
        f"name one of {', '.join(takers)}; or write under group, as target, the one feature it is about; or remove the group",
        (("group",),),
    )


def _find_in_river(detector: DetectorSettings, model: Estimator) -> Iterator[Misfit]:
    found = _find_river(model)
    if found is None:
        return
    river, path = found
    trial = _try_out(orjson.dumps(dict(river.parameters), option=orjson.OPT_SORT_KEYS))
    name, at = river.parameters["path"], (*path, "path")
    gets = _tell_what_it_gets(detector, river)
    if not trial.n_scored:
        raised = f" ({trial.error})" if trial.error else ""
        what = (
            f"raises at every one of {trial.n_samples:,} made samples"
            if trial.n_failed
            else f"has no score for any of {trial.n_samples:,} made samples"
        )
        yield Misfit(
            at, "CFG405", f"a model that can score {gets}", f"{name}, which {what}{raised}", _cure_river(detector, river, trial)
        )
    elif not trial.has_learned:
        yield Misfit(
            at,
            "CFG405",
            f"a model that learns from {gets}",
            f"{name}, which is the same after {trial.n_samples:,} made samples",
            "remove protect_anomaly_detector: where it is false a filter of river never learns; threshold_filter and quantile_filter, "
            "which are Streamwarden's own, do"
            if "protect_anomaly_detector" in river.parameters["parameters"]
            else "take a model that learns, e.g. river.drift.ADWIN in place of river.drift.NoDrift",
        )
    elif trial.is_blind and detector.group is not None and detector.group.target is None:
        yield _refuse_one_value(name)._replace(path=at)


def _tell_what_it_gets(detector: DetectorSettings, river: RiverModel) -> str:
    if detector.group is None:
        return "one value at a time"
    first, *others = order_columns(detector.group)
    return f"{first} beside {', '.join(others)}" if river.has_target else f"vectors of {', '.join([first, *others])}"


def _cure_river(detector: DetectorSettings, river: RiverModel, trial: Trial) -> str:
    if not trial.n_failed:
        return "take another model, or shorten its season or warm-up"
    if detector.group is None and river.template.needs_features:
        forecaster = (
            f"give it a forecaster, e.g. predictive_model: {_FORECASTER}"
            if river.parameters["path"].endswith(".PredictiveAnomalyDetection")
            else "take a forecaster, e.g. river.time_series.HoltWinters"
        )
        return f"{forecaster}, or give the detector a group: its target is then predicted from the other features"
    return "take another model, or put what it needs before it in a river.compose.Pipeline"


def list_hints(detector: DetectorSettings) -> Iterator[str]:
    """What is allowed but worth a thought about the model of a detector that is fit, from what it does to made samples."""
    model: Any = build_detector_model(detector)
    if hasattr(model, "is_shut") and model.is_shut(make_samples(_N_SHUT, model.n_features)):
        yield (
            f"detector {detector.name}: {_name(detector)} learned nothing from the last half of {_N_SHUT} made samples between 10 and "
            "60, for all of them scored at or above its cut: raise the threshold, or give the model inside a warm-up or grace period"
        )
    found = _find_river(model)
    if found is None:
        return
    river, _ = found
    trial = _try_out(orjson.dumps(dict(river.parameters), option=orjson.OPT_SORT_KEYS))
    name, path = detector.name, river.parameters["path"]
    if trial.needs_binary:
        yield f"detector {name}: {path} takes true and false, 1 and 0, only; samples of other values are passed over as faults"
    if trial.runs_away:
        yield (
            f"detector {name}: {path} has lost its scores on made samples between 10 and 60, and may on yours: put "
            "river.preprocessing.StandardScaler before it in a river.compose.Pipeline, or take smaller steps"
        )
    if trial.needs_all and detector.group is not None and detector.group.missing != "skip":
        yield (
            f"detector {name}: {path} raises where a feature is missing, and its series then starts anew; write missing: skip "
            "under group"
        )
    if detector.group is not None and detector.group.target is not None and (trial.is_blind or model.n_features == 1):
        yield f"detector {name}: {path} looks at {detector.group.target} only"
    if detector.group is None and river.template.needs_features and not path.startswith("river.dummy."):
        yield f"detector {name}: {path} predicts a value from others and gets none: give the detector a group with a target"


@lru_cache(maxsize=256)
def _try_out(parameters: bytes) -> Trial:
    from models.river_model.trial import try_out

    model: Any = registry.build("river_model", orjson.loads(parameters))
    return try_out(model)


def _find_river(model: Estimator) -> tuple[RiverModel, KeyPath] | None:
    """The river model in a model, and the key path of its parameters within the detector."""
    from models.filters.filter import find_core

    core: Any = find_core(model)
    if core.name != "river_model":
        return None
    *_, innermost = registry.list_nested(model.name, model.parameters)
    return core, ("model", "parameters", *innermost.path)


def _path_of(detector: DetectorSettings, error: ParameterError) -> KeyPath:
    """Key path of the parameter that was refused, in the model or in one inside it; that of the parameters when it was left out."""
    for one in registry.list_nested(detector.model.type, detector.model.parameters):
        if one.name == error.model:
            path = ("model", "parameters", *one.path)
            return (*path, error.parameter) if error.parameter in one.parameters else path
    return ("model", "parameters")


def _name(detector: DetectorSettings) -> str:
    """The model and those inside it, in words."""
    return " around ".join(one.name for one in registry.list_nested(detector.model.type, detector.model.parameters))
