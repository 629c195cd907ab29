"""A small Korean web that is drawn and written by code, for the demo and the end-to-end tests.

`serve` starts it in a process of its own, `write_sources` writes the files that go with it, and
`pipelines.embedded_web.cases` says what must become of its hard cases. Nothing in it is stored: the same seed gives
the same bytes.
"""

from pipelines.embedded_web.process import EmbeddedWeb, serve
from pipelines.embedded_web.sources import SourceFiles, write_sources

VERSION = 2
"""Grows with every change of what the web holds."""

__all__ = ["VERSION", "EmbeddedWeb", "SourceFiles", "serve", "write_sources"]
