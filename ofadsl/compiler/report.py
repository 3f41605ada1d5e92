"""Where the checker collects mistakes: each once, however many copies of the text it is met in."""

from __future__ import annotations

from dataclasses import dataclass, field

from ofadsl.diagnostics import Diagnostic, Diagnostics, Span


@dataclass(slots=True)
class Report:
    """The mistakes found so far, one for each rule and place."""

    found: dict[tuple[str, str, int], Diagnostic] = field(default_factory=dict)

    def add(
        self,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        help: str = "",
        notes: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        """Note a mistake, unless the same rule is already broken at the same place."""
        key = (code, span.source.path, span.start)
        if key not in self.found:
            self.found[key] = Diagnostic(
                code=code, message=message, span=span, label=label, help=help, notes=notes
            )

    def has(self, code: str) -> bool:
        """Return whether a rule is broken somewhere."""
        return any(found == code for found, _, _ in self.found)

    def finish(self) -> None:
        """Raise Diagnostics, in the order of the text, where there is any."""
        if self.found:
            order = sorted(self.found.items(), key=lambda pair: (pair[0][1], pair[0][2]))
            raise Diagnostics(diagnostic for _, diagnostic in order)
