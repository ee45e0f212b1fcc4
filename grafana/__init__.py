"""Dashboards and alert rules of Grafana, as code: `make dashboards` writes them, Grafana is provisioned with them."""
