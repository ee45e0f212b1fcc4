"""The committed dashboards asked and drawn without Grafana."""
