"""Dashboards and alert rules of Grafana, as code; Grafana is provisioned with them."""
