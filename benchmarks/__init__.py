"""Measurements of the project against its peers; none of them is a test, none of them fails a build."""
