"""Incidents: days on which the same thing fired as one story, with what moved."""
