"""Drift: profiles of windows against those of references, by Evidently's methods."""
