"""What Grafana is given at its start: one data source, one folder of dashboards."""

from deploy.dashboards import links
from tests.monitoring import definitions


def test_the_data_source_has_the_uid_that_dashboards_name() -> None:
    """Grafana gets one Prometheus under a fixed uid, at the address its environment tells."""
    (source,) = definitions.yaml_of(definitions.GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    assert (source["uid"], source["type"], source["url"]) == ("prometheus", "prometheus", "${PROMETHEUS_URL}")
    assert source["isDefault"]


def test_the_data_source_knows_the_scrape_interval() -> None:
    """``$__rate_interval`` is derived from the interval that Prometheus really scrapes at."""
    (source,) = definitions.yaml_of(definitions.GRAFANA / "provisioning/datasources/prometheus.yml")["datasources"]
    scrape_interval = definitions.yaml_of(definitions.CONFIG)["global"]["scrape_interval"]
    assert source["jsonData"]["timeInterval"] == scrape_interval


def test_dashboards_are_read_from_files() -> None:
    """Grafana watches the folder its environment names, and saves nothing over it."""
    (provider,) = definitions.yaml_of(definitions.GRAFANA / "provisioning/dashboards/files.yml")["providers"]
    assert provider["type"] == "file"
    assert provider["options"]["path"] == "${DASHBOARDS_PATH}"
    assert not provider["allowUiUpdates"]


def test_the_folder_has_a_uid_of_its_own() -> None:
    """Folders and dashboards share one kind of uid in Grafana: it would not save a dashboard with the folder's."""
    (provider,) = definitions.yaml_of(definitions.GRAFANA / "provisioning/dashboards/files.yml")["providers"]
    uids = {definitions.dashboard(file)["uid"] for file in definitions.DASHBOARD_FILES}
    assert provider["folderUid"] not in uids


def test_the_pages_that_dashboards_link_to_are_served() -> None:
    """In containers Grafana serves ``docs/`` where the links to runbooks lead."""
    grafana = definitions.yaml_of(definitions.ROOT / "docker-compose.yml")["services"]["grafana"]
    assert f"./docs:/usr/share/grafana{links.DOCS}:ro,z" in grafana["volumes"]
