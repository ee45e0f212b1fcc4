"""The warehouse itself: server, connections, locks, run log, roles, migrations. Knows nothing of what is monitored."""
