"""What Grafana is given at its start: one data source, one folder of dashboards."""

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
