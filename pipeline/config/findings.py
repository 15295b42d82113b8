"""What rules find: problems of values that are valid by themselves, noted where they stand in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from pipeline.config.document import Document
from pipeline.config.report import KeyPath
from pipeline.config.schema import Config
from pipeline.config.validation import Kept

__all__ = ["Findings", "Rule"]


@dataclass(slots=True)
class Findings:
    """Where rules note what they find.

    Attributes
    ----------
    document : Document
        Of the file; its problems grow.
    kept : Kept
        The configuration the rules look at, and what it lacks of the file.
    """

    document: Document
    kept: Kept

    def note(
        self,
        path: KeyPath,
        code: str,
        *,
        expected: str,
        found: str,
        cure: str,
        among: Sequence[KeyPath] = (),
        of_key: bool = False,
    ) -> None:
        """Note a problem at a key path of the configuration.

        Nothing is noted when that value, or one of those it is judged by (`among`), was left out for a problem of its own: what
        stands in its place is a default nobody wrote.
        """
        if self.kept.is_touched([path, *among]):
            return
        self.document.report(self.kept.to_file(path), code, expected=expected, found=found, cure=cure, of_key=of_key)

    def note_twice(self, named: Iterable[tuple[KeyPath, str]], what: str) -> None:
        """Note what is named as something before it is.

        Parameters
        ----------
        named : iterable of (KeyPath, str)
            In order.
        what : str
            What the names are of.
        """
        first: dict[str, KeyPath] = {}
        for path, name in named:
            if name in first:
                line = self.document.place(self.kept.to_file(first[name])).line
                cure = "rename or remove one of them"
                found = f"{name} again (first on line {line})"
                self.note(path, "CFG301", expected=f"every {what} once", found=found, cure=cure, among=[first[name]])
            else:
                first[name] = path


Rule = Callable[[Config, Findings], None]
