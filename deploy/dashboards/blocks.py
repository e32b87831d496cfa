"""The kinds of panels there are, each from a few facts and its queries."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final, TypeVar, Unpack

from grafana_foundation_sdk.builders import (
    common,
    gauge,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_model
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as prometheus_model

from deploy.dashboards import links
from deploy.dashboards.look import Limit, Look, Query, State

SOURCE: Final = common_model.DataSourceRef(type_val="prometheus", uid="prometheus")
"""The data source that is provisioned."""

Panel = Builder[model.Panel]
_HEATMAP: Final = prometheus_model.PromQueryFormat.HEATMAP
_TABLE: Final = prometheus_model.PromQueryFormat.TABLE
_Drawn = TypeVar("_Drawn", gauge.Panel, heatmap.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


def lines(
    title: str,
    unit: str,
    description: str,
    *queries: Query,
    stacking: common_model.StackingMode = common_model.StackingMode.NONE,
    at_least: float | None = 0,
    at_most: float | None = None,
    **look: Unpack[Look],
) -> Panel:
    """Values over time. Limits are dashed lines; a stack is filled, and one of `PERCENT` shows shares."""
    stacked = stacking is not common_model.StackingMode.NONE
    style = (
        common_model.GraphThresholdsStyleMode.DASHED
        if look.get("limits")
        else common_model.GraphThresholdsStyleMode.OFF
    )
    panel = (
        _dressed(timeseries.Panel(), (title, unit, description), queries, look)
        .line_width(1)
        .fill_opacity(60 if stacked else 10)
        .show_points(common_model.VisibilityMode.NEVER)
        .stacking(common.StackingConfig().mode(stacking).group("A"))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
        .legend(_legend(shown=True))
        .tooltip(_tooltip())
    )
    panel = panel if at_least is None else panel.min(at_least)
    return panel if at_most is None else panel.max(at_most)


def number(
    title: str, unit: str, description: str, query: Query, *, over_range: bool = False, **look: Unpack[Look]
) -> Panel:
    """One value, the last of the range, or with `over_range` one that the query computes of the whole range."""
    graph = common_model.BigValueGraphMode.NONE if over_range else common_model.BigValueGraphMode.AREA
    panel = _dressed(stat.Panel(), (title, unit, description), (query,), look, instant=over_range)
    return panel.graph_mode(graph).reduce_options(_last()).no_value("none")


def dial(
    title: str, unit: str, description: str, query: Query, *, over_range: bool = False, **look: Unpack[Look]
) -> Panel:
    """One share between nothing and all."""
    panel = _dressed(gauge.Panel(), (title, unit, description), (query,), look, instant=over_range)
    return panel.min(0).max(1).reduce_options(_last()).no_value("none")


def heat(title: str, description: str, expr: str, **look: Unpack[Look]) -> Panel:
    """How many observations of a histogram fell where: a column is a moment, a row a bucket in seconds."""
    colors = (
        heatmap.HeatmapColorOptions()
        .mode(heatmap_model.HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .scale(heatmap_model.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
    )
    return (
        _dressed(heatmap.Panel(), (title, "short", description), (Query(expr, "{{le}}"),), look, form=_HEATMAP)
        .calculate(False)
        .color(colors)
        .filter_values(heatmap.FilterValueRange().le(1e-9))
        .y_axis(heatmap.YAxisConfig().unit("s").axis_placement(common_model.AxisPlacement.LEFT))
        .show_legend()
    )


def states(title: str, description: str, query: Query, *meanings: State, **look: Unpack[Look]) -> Panel:
    """Which state something was in when, each in words and a colour of its own; the lowest state comes first."""
    mapping = {
        str(state.value): model.ValueMappingResult(text=state.word, color=state.color, index=index)
        for index, state in enumerate(meanings)
    }
    base, *rest = meanings
    return (
        _dressed(statetimeline.Panel(), (title, "none", description), (query,), look)
        .mappings([model.ValueMap(options=mapping)])
        .color_scheme(FieldColor().mode(model.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds(base.color, [Limit(state.value, state.color) for state in rest]))
        .legend(_legend(shown=False))
        .merge_values(True)
        .row_height(0.8)
        .line_width(0)
        .fill_opacity(70)
    )


def rows(title: str, description: str, expr: str, columns: Sequence[str], **look: Unpack[Look]) -> Panel:
    """A table of what there is now: a line a series, a column for each of those labels and no other.

    Names of alerts lead to their runbooks.
    """
    layout = {
        "include": {"names": list(columns)},
    }
    order = {
        "excludeByName": {},
        "indexByName": {label: index for index, label in enumerate(columns)},
        "renameByName": {label: _heading(label) for label in columns},
    }
    asked = (Query(expr, "{{instance}}"),)
    panel = (
        _dressed(table.Panel(), (title, "none", description), asked, look, form=_TABLE, instant=True)
        .show_header(True)
        .with_transformation(model.DataTransformerConfig(id_val="filterFieldsByName", options=layout))
        .with_transformation(model.DataTransformerConfig(id_val="organize", options=order))
    )
    leading = [model.DynamicConfigValue("links", [links.EACH_RUNBOOK])]
    return panel.override_by_name(_heading("alertname"), leading) if "alertname" in columns else panel


def _heading(label: str) -> str:
    return label.removeprefix("redis_").replace("_", " ").capitalize()


def _dressed(
    panel: _Drawn,
    words: tuple[str, str, str],
    queries: Sequence[Query],
    look: Look,
    *,
    form: prometheus_model.PromQueryFormat = prometheus_model.PromQueryFormat.TIME_SERIES,
    instant: bool = False,
) -> _Drawn:
    title, unit, description = words
    targets = [_asked(letter, query, form) for letter, query in zip(ascii_uppercase, queries, strict=False)]
    return (
        panel.title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .span(look.get("span", 8))
        .height(look.get("height", 8))
        .thresholds(_thresholds(look.get("base", "green"), look.get("limits", ())))
        .links(list(links.of_panel(look.get("alert"), look.get("more"))))
        .targets([target.instant() if instant else target.range() for target in targets])
    )


def _asked(letter: str, query: Query, form: prometheus_model.PromQueryFormat) -> prometheus.Dataquery:
    asked = prometheus.Dataquery().ref_id(letter).datasource(SOURCE).expr(query.expr).legend_format(query.legend)
    return asked.format(form).editor_mode(prometheus_model.QueryEditorMode.CODE)


def _thresholds(base: str, limits: Sequence[Limit]) -> ThresholdsConfig:
    steps = [model.Threshold(value=None, color=base), *(model.Threshold(limit.value, limit.color) for limit in limits)]
    return ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _legend(*, shown: bool) -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(common_model.LegendDisplayMode.LIST).show_legend(shown)
    return legend.placement(common_model.LegendPlacement.BOTTOM)


def _tooltip() -> common.VizTooltipOptions:
    return (
        common.VizTooltipOptions().mode(common_model.TooltipDisplayMode.MULTI).sort(common_model.SortOrder.DESCENDING)
    )
