"""The stages as Beam transforms, all I/O, and the command line."""

import logging


def _matters(record: logging.LogRecord) -> bool:
    """Beam warns at import of BigQuery libraries that are absent; nothing here uses BigQuery."""
    return "bigquery client libraries" not in str(record.msg)


logging.getLogger().addFilter(_matters)
