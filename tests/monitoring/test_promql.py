"""The reader of PromQL that the other tests here stand on."""

import pytest

from tests.monitoring.promql import metric_names


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("up", {"up"}),
        ('sum by (job, le) (rate(a_bucket{x="y", z!~"b(c)|{d}"}[5m]))', {"a_bucket"}),
        ("histogram_quantile(0.99, sum(rate(a_bucket[$__rate_interval])) by (le)) >= 0", {"a_bucket"}),
        ("a / on (job) group_left () (b:c:d_rate5m > bool 1e3) or vector(0)", {"a", "b:c:d_rate5m"}),
        ("a offset 1h unless ignoring (x) -b", {"a", "b"}),
        ("count_values(\"version\", a) + Inf - label_replace(b, 'to', '$1', 'from', '(.*)')", {"a", "b"}),
        ("max_over_time(a[1h:30s]) and time() > 10", {"a"}),
        ("{job='only labels'}", set()),
    ],
)
def test_metric_names_are_told_from_functions_labels_and_strings(expression: str, names: set[str]) -> None:
    """Only what is read from the database counts as a metric name."""
    assert metric_names(expression) == names
