"""The conductor and the ground floor: settings, connections, locks, the run log and the commands."""
