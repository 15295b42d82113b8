"""river's anomaly detectors under river's names: what was written for ``river.anomaly`` runs by ``from models import anomaly``.

Constructors are river's, parameter by parameter; parts of river's that they take (an optimiser, a statistic, a search, a regression)
are read, and what has no counterpart here is refused with the cure.  They stand in river's pipelines and evaluations, and everything
of `models` holds of them: many series in one call, snapshots, contributions.  Where they differ from river is listed in
`models.known_differences`; `seed` has a number for its default, so that two runs give the same scores.

Examples
--------
>>> import random
>>> from river import preprocessing
>>> from models import anomaly
>>> model = preprocessing.MinMaxScaler() | anomaly.QuantileFilter(anomaly.HalfSpaceTrees(window_size=50, seed=42), q=0.95)
>>> rng = random.Random(1)
>>> for _ in range(500):
...     model.learn_one({"heat": rng.gauss(40.0, 1.0), "load": rng.gauss(0.5, 0.1)})
>>> model.score_one({"heat": 44.0, "load": 0.9}) > model.score_one({"heat": 40.0, "load": 0.5})
True
>>> model["QuantileFilter"].classify(0.99)
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from river import base, optim, preprocessing

from models.base import Estimator
from models.errors import ParameterError
from models.filters import model as filters
from models.gaussian.model import GaussianScorer
from models.hst.model import HalfSpaceTrees
from models.linear.model import LinearRegression
from models.loda.model import LODA
from models.lof import model as lof
from models.pad import model as pad
from models.river_parts import read_engine, read_model, read_optimizer, read_rate, read_regression, read_statistic
from models.sad import model as sad
from models.svm import model as svm
from models.wrapper import WrapperEstimator

__all__ = [
    "LODA",
    "GaussianScorer",
    "HalfSpaceTrees",
    "LocalOutlierFactor",
    "OneClassSVM",
    "PredictiveAnomalyDetection",
    "QuantileFilter",
    "StandardAbsoluteDeviation",
    "ThresholdFilter",
]


class StandardAbsoluteDeviation(sad.StandardAbsoluteDeviation):
    """`models.sad.model.StandardAbsoluteDeviation`, made as river's.

    Parameters
    ----------
    sub_stat : river.stats.Mean or river.stats.Quantile(0.5), optional
        What is subtracted.
    """

    def __init__(self, sub_stat: Any = None) -> None:
        super().__init__(sub_stat=read_statistic(self.name, sub_stat))


class OneClassSVM(svm.OneClassSVM):
    """`models.svm.model.OneClassSVM`, made as river's.

    Parameters
    ----------
    nu : float
        Expected fraction of anomalies.
    optimizer : river.optim.SGD, optional
        With a constant step; None = 0.01.
    intercept_lr : float or river.optim.schedulers.Constant
        Step of the intercept.
    clip_gradient : float
        Greatest absolute gradient.
    initializer : river.optim.initializers.Zeros, optional
        Weights at the start.
    """

    def __init__(
        self,
        nu: float = 0.1,
        optimizer: Any = None,
        intercept_lr: Any = 0.01,
        clip_gradient: float = 1e12,
        initializer: Any = None,
    ) -> None:
        if initializer is not None and type(initializer) is not optim.initializers.Zeros:
            raise ParameterError(self.name, "initializer", expected="None or optim.initializers.Zeros()", found=initializer)
        super().__init__(
            nu=nu,
            learning_rate=read_optimizer(self.name, optimizer),
            intercept_lr=read_rate(self.name, "intercept_lr", intercept_lr),
            clip_gradient=clip_gradient,
        )


class LocalOutlierFactor(lof.LocalOutlierFactor):
    """`models.lof.model.LocalOutlierFactor`, made as river's.

    Parameters
    ----------
    n_neighbors : int
        Neighbours that make a neighbourhood.
    engine : river.neighbors.LazySearch, optional
        Its window, over Euclidean distances; None = 1000 samples.
    """

    def __init__(self, n_neighbors: int = 10, engine: Any = None) -> None:
        super().__init__(n_neighbors=n_neighbors, window_size=read_engine(self.name, engine))


class _AroundGiven(WrapperEstimator):
    """Around the very model it is given, with what that has learned."""

    _given: Estimator | None = None

    def _take(self, parameter: str, inner: Any) -> dict[str, Any]:
        """Keep `inner` where it is a model, and return what names it."""
        self._given = inner if isinstance(inner, Estimator) else None
        return read_model(self.name, parameter, inner)

    def _build_inner(self, name: str, parameters: Mapping[str, Any]) -> Any:
        # Built all the same: what a wrapper does not take is refused there.
        built = super()._build_inner(name, parameters)
        return built if self._given is None else self._given


class _Filter(_AroundGiven):
    """What both filters tell of their detector."""

    @property
    def anomaly_detector(self) -> Estimator:
        """The detector behind the filter."""
        return self._inner


class PredictiveAnomalyDetection(_AroundGiven, pad.PredictiveAnomalyDetection):
    """`models.pad.model.PredictiveAnomalyDetection`, made as river's.

    Parameters
    ----------
    predictive_model : model of `models.time_series`, or river pipeline, optional
        Of pipelines ``preprocessing.MinMaxScaler() | linear_model.LinearRegression(...)``, which is the default.
    horizon : int
        Changes nothing, as in river.
    n_std : float
        Deviations of the squared error from which the score is 1.0.
    warmup_period : int
        Samples learned before the first is scored.
    """

    def __init__(self, predictive_model: Any = None, horizon: int = 1, n_std: float = 3.0, warmup_period: int = 0) -> None:
        if predictive_model is None:
            predictive_model = LinearRegression()
        elif isinstance(predictive_model, base.Base) and not isinstance(predictive_model, Estimator):
            read = read_regression(self.name, "predictive_model", predictive_model, preprocessing.MinMaxScaler)
            predictive_model = LinearRegression(**read)
        chosen = self._take("predictive_model", predictive_model)
        super().__init__(forecaster=chosen, horizon=horizon, n_std=n_std, warmup_period=warmup_period)

    @property
    def predictive_model(self) -> Estimator:
        """The model that predicts."""
        return self._inner


class ThresholdFilter(_Filter, filters.ThresholdFilter):
    """`models.filters.model.ThresholdFilter`, made as river's.

    Parameters
    ----------
    anomaly_detector : model of `models`
        The very object is used, with what it has learned.
    threshold : float
        Score from which a sample is anomalous.
    protect_anomaly_detector : bool
        False = classify only.
    """

    def __init__(self, anomaly_detector: Any, threshold: float, protect_anomaly_detector: bool = True) -> None:
        chosen = self._take("anomaly_detector", anomaly_detector)
        super().__init__(detector=chosen, threshold=threshold, protect=protect_anomaly_detector)


class QuantileFilter(_Filter, filters.QuantileFilter):
    """`models.filters.model.QuantileFilter`, made as river's.

    Parameters
    ----------
    anomaly_detector : model of `models`
        The very object is used, with what it has learned.
    q : float
        Quantile of the scores from which a sample is anomalous.
    protect_anomaly_detector : bool
        False = classify only.
    """

    def __init__(self, anomaly_detector: Any, q: float, protect_anomaly_detector: bool = True) -> None:
        chosen = self._take("anomaly_detector", anomaly_detector)
        super().__init__(detector=chosen, q=q, protect=protect_anomaly_detector)

    @property
    def q(self) -> float:
        """Quantile of the scores from which a sample is anomalous."""
        return float(self._parameters["q"])


_KINDS: tuple[tuple[Any, tuple[type[Estimator], ...]], ...] = (
    (base.AnomalyDetector, (HalfSpaceTrees, LODA, OneClassSVM, LocalOutlierFactor)),
    (base.SupervisedAnomalyDetector, (GaussianScorer, StandardAbsoluteDeviation, PredictiveAnomalyDetection)),
    (base.AnomalyFilter, (ThresholdFilter, QuantileFilter)),
)
for _kind, _classes in _KINDS:
    for _class in _classes:
        _kind.register(_class)  # river asks what a model is by its class
