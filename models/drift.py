"""river's drift detectors under river's names: what was written for ``river.drift`` runs by ``from models import drift``.

Of what river's tell of themselves, ``ADWIN.n_detections`` and ``KSWIN.p_value`` are not kept.

Examples
--------
>>> from models import drift
>>> detector = drift.PageHinkley()
>>> for step in range(1500):
...     detector.update(1.0 if step < 1000 else 4.0)
...     if detector.drift_detected:
...         print(step)
1016
"""

from __future__ import annotations

from models.adwin.model import ADWIN
from models.kswin.model import KSWIN
from models.page_hinkley.model import PageHinkley

__all__ = ["ADWIN", "KSWIN", "PageHinkley"]
