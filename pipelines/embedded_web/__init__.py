"""A small Korean web that is drawn and written by code, for the demo and the end-to-end tests.

`pipelines.embedded_web.process.serve` starts it; `pipelines.embedded_web.cases` says what must become of its hard
cases. Nothing in it is stored: the same seed gives the same bytes.
"""
