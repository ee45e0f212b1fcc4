"""Profiles: the distinct values of a column with their counts, what follows from one, and reading them."""
