"""common/metrics.py as Terraform reads it: `python -m tests.terraform.metrics` writes terraform/modules/watch/metrics.json."""

import json
from pathlib import Path

from common import metrics

FILE = Path(__file__).parents[2] / "terraform" / "modules" / "watch" / "metrics.json"


def text() -> str:
    """The file's content."""
    held = {
        metric.name: {
            "event": metric.event,
            "help": metric.help,
            "key": metric.key,
            "labels": sorted(metric.labels),
            "only": dict(metric.only),
            "unit": metric.unit,
        }
        for metric in metrics.ALL
    }
    return json.dumps(held, indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
