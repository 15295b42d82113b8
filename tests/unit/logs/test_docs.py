"""docs/logs.md says what the code does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.codecs import fluentd_json, log_json
from pipeline.config.schema import LogSettings
from pipeline.logs import masking, miner
from pipeline.logs.mined_lines import CEILING_REASON, LOG_RATE_NAME
from pipeline.logs.rate_windows import ZERO_WINDOWS

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "logs.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "words",
    [
        *(f"`{name}`" for name in LogSettings.model_fields),
        *(f"`<{form}>`" for form in masking._FORMS),
        *(f"`{name}`" for name in (*fluentd_json._MESSAGE_NAMES, *fluentd_json._TIME_NAMES)),
        f"`{LOG_RATE_NAME}`",
        f"`{CEILING_REASON}`",
        f"`{miner.OTHER}`",
        f"for {ZERO_WINDOWS} windows",
        f"At most {miner.NEWS_PER_WINDOW} are told",
        f"at most {miner._MAX_LABEL_CHARACTERS} characters",
        f"at most {miner._SERIES_PER_TEMPLATE} series for each",
        f"at most {log_json.MAX_LABELS} and {log_json.MAX_LABEL_CHARACTERS:,} characters",
    ],
)
def test_what_the_page_names_is_what_there_is(words: str) -> None:
    assert words in " ".join(TEXT.split())


def test_every_code_of_a_log_record_is_named() -> None:
    import re

    folder = Path(log_json.__file__).parent
    sources = [
        (folder / name).read_text()
        for name in ("log_json.py", "fluentd_json.py", "json_fault.py", "label_fault.py", "timestamps.py")
    ]
    codes = {code for source in sources for code in re.findall(r'"((?:JSON|FIELD|TIME|LABELS|VALUE)_[A-Z0-9_]+)"', source)}
    assert len(codes) >= 10
    assert codes == set(re.findall(r"`([A-Z]+_[A-Z0-9_]+)`", TEXT))
