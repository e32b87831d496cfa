"""Grafana's dashboards as code: one module a dashboard; `python -m deploy.dashboards` writes them.

A dashboard is made of sections of panels (`frame`), a panel of a few facts and its queries (`blocks`), a query of the
expressions that recur (`promql`). Where each dashboard is and what it links to is in `links`.
"""
