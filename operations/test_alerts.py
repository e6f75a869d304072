"""Prometheus rules and the Grafana dashboard: they use only exported metrics, and promtool accepts the rules."""

import json
import re
import subprocess

import pytest
from prometheus_client import REGISTRY
from prometheus_client.core import Metric

from foundation.env import BASE_DIR
from operations import metrics_view

RULES = BASE_DIR / "deploy/prometheus/alerts.yml"
DASHBOARD = BASE_DIR / "deploy/grafana/privet.json"
SAMPLES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def names_of(family: Metric) -> set[str]:
    """Return the names of a family's samples. Computed, because a family without label values has no samples yet."""
    return {f"{family.name}{ending}" for ending in SAMPLES.get(family.type, ("",))}


@pytest.fixture
def exported(settings, tmp_path, db) -> set[str]:
    settings.BACKUP_FOLDER, settings.BACKUP_RECIPIENT = tmp_path, "age1made-up"
    families = [*REGISTRY.collect(), *metrics_view._workload_families()]
    return set().union(*map(names_of, families))


@pytest.mark.parametrize("file", [RULES, RULES.with_name("alerts.test.yml"), DASHBOARD], ids=lambda file: file.name)
def test_every_used_metric_is_exported(file, exported):
    used = set(re.findall(r"\bprivet_\w+", file.read_text()))
    assert used
    assert used - exported == set()


def test_every_exported_metric_is_on_the_dashboard(exported):
    used = re.findall(r"\bprivet_\w+", DASHBOARD.read_text())
    suffixes = r"_(bucket|sum|count|total)$"
    ours = {re.sub(suffixes, "", name) for name in exported if name.startswith("privet_")}
    assert ours - {re.sub(suffixes, "", name) for name in used} == set()


def test_every_panel_has_a_query_and_its_own_position():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    positions = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(positions) == len({panel["id"] for panel in panels}) == len(panels)


@pytest.mark.parametrize(
    "command",
    [
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts.test.yml"),
        ("check", "config", "--syntax-only", "prometheus.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts_the_configuration(command):
    result = subprocess.run([BASE_DIR / "bin/promtool", *command], cwd=RULES.parent, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_is_documented_and_tested():
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    documented = re.findall(r"^\| `(Privet\w+)`", (BASE_DIR / "docs/operations.md").read_text(), re.MULTILINE)
    assert documented == alerts
    cases = RULES.with_name("alerts.test.yml").read_text()
    firing_cases = cases.partition("- name: the server is down")[2]
    assert firing_cases
    assert [name for name in alerts if name not in firing_cases] == []
