"""Dashboards for Grafana on the tables that sinks fill: SQL views that are alike in every table, and JSON on them."""
