"""Fresh clones on machines that are not ours: what the README shows must work there, with runtime packages only."""
