"""Prometheus' rules and Grafana's dashboard: of what Privet shows indeed, and tried with Prometheus' own tool."""

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
    """As Prometheus keeps them; a family whose labels nobody used yet has no samples to tell."""
    return {f"{family.name}{ending}" for ending in SAMPLES.get(family.type, ("",))}


@pytest.fixture
def shown(settings, tmp_path, db) -> set[str]:
    settings.BACKUP_FOLDER, settings.BACKUP_RECIPIENT = tmp_path, "age1made-up"
    families = [*REGISTRY.collect(), *metrics_view._workload_families()]
    return set().union(*map(names_of, families))


@pytest.mark.parametrize("file", [RULES, RULES.with_name("alerts.test.yml"), DASHBOARD], ids=lambda file: file.name)
def test_every_used_metric_is_exported(file, shown):
    named = set(re.findall(r"\bprivet_\w+", file.read_text()))
    assert named
    assert named - shown == set()


def test_every_exported_metric_is_on_the_dashboard(shown):
    named = re.findall(r"\bprivet_\w+", DASHBOARD.read_text())
    endings = r"_(bucket|sum|count|total)$"
    ours = {re.sub(endings, "", name) for name in shown if name.startswith("privet_")}
    assert ours - {re.sub(endings, "", name) for name in named} == set()


def test_every_panel_has_a_query_and_its_own_position():
    panels = json.loads(DASHBOARD.read_text())["panels"]
    assert all(target["expr"] for panel in panels for target in panel["targets"])
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len({panel["id"] for panel in panels}) == len(panels)


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
    told = subprocess.run([BASE_DIR / "bin/promtool", *command], cwd=RULES.parent, capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr


def test_every_alert_is_documented_and_tested():
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    told = re.findall(r"^\| `(Privet\w+)`", (BASE_DIR / "docs/operations.md").read_text(), re.MULTILINE)
    assert told == alerts
    tried = RULES.with_name("alerts.test.yml").read_text()
    ringing = tried.partition("- name: the server is gone")[2]
    assert [name for name in alerts if name not in ringing] == []
