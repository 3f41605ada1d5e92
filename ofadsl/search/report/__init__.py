"""A front as a page: one file that opens offline, in light and dark."""

from ofadsl.search.report.page import report

__all__ = ["report"]
