"""Metrics are extracted from log lines: what is declared must be what the doors write."""

import re
from pathlib import Path

from common import metrics
from tests.terraform.metrics import FILE, text

ROOT = Path(__file__).parents[2]
SOURCES = [
    ROOT / "common" / "log.py",
    ROOT / "common" / "salesforce" / "session.py",
    *(ROOT / "common" / "flows").glob("*.py"),
    *(ROOT / "functions").glob("*/main.py"),
]


def test_every_metric_is_written_by_somebody():
    """Its event, its key and its labels stand in the code that writes the lines."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)

    for metric in metrics.ALL:
        assert f'"{metric.event}"' in text, metric
        for key in filter(None, (metric.key, *metric.labels)):
            assert re.search(rf'"{key}"|\b{key}=', text), (metric, key)


def test_names_are_unique():
    """A metric is declared once."""
    names = [metric.name for metric in metrics.ALL]

    assert sorted(set(names)) == sorted(names)


def test_terraform_knows_them():
    """Its metrics.json says what common/metrics.py declares."""
    assert text() == FILE.read_text(encoding="utf-8"), "run `python -m tests.terraform.metrics`"
