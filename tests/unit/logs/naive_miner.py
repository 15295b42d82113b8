"""The log miner written slowly: no caches, no shortcuts, the published algorithm, windows as plain lists.

`NaiveTree` is Drain as the paper and its authors' code have it, with this project's masks in front and a ceiling that refuses.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from pipeline.logs.masking import MAX_TOKENS, mask_token
from pipeline.logs.rate_windows import ZERO_WINDOWS

__all__ = ["NaiveRate", "NaiveTree", "NaiveWindows", "alike_lines", "mask_naively"]


def mask_naively(message: str) -> list[str]:
    if "\n" in message:
        lines = message.strip().split("\n")
        message = lines[-1] if lines[0].startswith("Traceback ") else lines[0]
    tokens = message[:2_000].split()
    if len(tokens) > MAX_TOKENS:
        tokens = [*tokens[: MAX_TOKENS - 1], "<more>"]
    return [mask_token(token) for token in tokens] or [""]


class NaiveTree:
    """Templates as lists of tokens; a template is known by the ordinal of the line that made it."""

    def __init__(self, similarity: float, max_templates: int) -> None:
        self.similarity = similarity
        self.max_templates = max_templates
        self.templates: list[list[str]] = []
        self.leaves: dict[tuple[int, str], list[int]] = {}

    def learn(self, tokens: list[str]) -> int | None:
        """Ordinal of the template; None = no room."""
        leaf = self.leaves.get((len(tokens), tokens[0]), self.leaves.get((len(tokens), "<*>"), []))
        best = None
        best_rank = (-1.0, -1)
        for ordinal in leaf:
            template = self.templates[ordinal]
            equal = [one for one, token in zip(template, tokens, strict=True) if one == token and one != "<*>"]
            rank = (len(equal) / len(tokens), template.count("<*>"))
            if rank > best_rank:
                best, best_rank = ordinal, rank
        if best is not None and best_rank[0] >= self.similarity:
            pairs = zip(self.templates[best], tokens, strict=True)
            self.templates[best] = [one if one == token else "<*>" for one, token in pairs]
            return best
        if len(self.templates) >= self.max_templates:
            return None
        self.templates.append(list(tokens))
        n_first = len([first for length, first in self.leaves if length == len(tokens)])
        has_any = (len(tokens), "<*>") in self.leaves
        first = tokens[0]
        if (len(tokens), first) not in self.leaves:
            is_full = n_first + (0 if has_any else 1) >= 100
            if is_full or any(character.isdigit() for character in first):
                first = "<*>"
        self.leaves.setdefault((len(tokens), first), []).append(len(self.templates) - 1)
        return len(self.templates) - 1


def alike_lines(seed: int) -> list[tuple[str, ...]]:
    """Lines of six tokens, of few words and few kinds, so that they come again after better templates for them have appeared."""
    rng = random.Random(seed)
    pool = [("a", *rng.choices("ab", k=5)) for _ in range(15)]
    return rng.choices(pool, k=100)


class NaiveRate(NamedTuple):
    line: int
    key: object
    end_ns: int
    n_lines: int


class NaiveWindows:
    """Rates of a whole log at once: (event time, key) of each line in order."""

    def __init__(self, window_ns: int, lateness_ns: int) -> None:
        self.window_ns = window_ns
        self.lateness_ns = lateness_ns

    def rates(self, lines: list[tuple[int, object]]) -> tuple[list[NaiveRate], list[bool]]:
        """Rates and, of each line, whether it was late."""
        rates: list[NaiveRate] = []
        late: list[bool] = []
        counted: list[tuple[int, object]] = []
        born: list[object] = []
        closed_up_to = 0
        newest: dict[object, int] = {}
        watermark = -1
        for i, (time_ns, key) in enumerate(lines):
            watermark = max(watermark, time_ns)
            while counted or newest:
                # The next window that has something to say, if it is due.
                ends = {(time // self.window_ns + 1) * self.window_ns for time, _ in counted}
                ends |= {closed_up_to + self.window_ns} if newest else set()
                end = min(ends)
                if end + self.lateness_ns > watermark:
                    break
                for one in list(born):
                    n_lines = sum(1 for time, other in counted if other == one and end - self.window_ns <= time < end)
                    if n_lines:
                        newest[one] = end
                        rates.append(NaiveRate(i, one, end, n_lines))
                    elif one in newest:
                        rates.append(NaiveRate(i, one, end, 0))
                        if end - newest[one] >= ZERO_WINDOWS * self.window_ns:
                            del newest[one]
                            if not any(other == one and time >= end for time, other in counted):
                                born.remove(one)
                counted = [(time, other) for time, other in counted if time >= end]
                closed_up_to = end
            is_late = (time_ns // self.window_ns + 1) * self.window_ns + self.lateness_ns <= watermark
            late.append(is_late)
            if not is_late:
                counted.append((time_ns, key))
                if key not in born:
                    born.append(key)
        return rates, late
