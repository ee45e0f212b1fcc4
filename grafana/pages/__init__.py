"""The dashboards, a module and its queries each."""
