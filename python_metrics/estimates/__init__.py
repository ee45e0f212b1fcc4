"""Estimates: how good predictions will turn out to be, before labels come."""
