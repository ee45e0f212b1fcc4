"""Looks at data files before anything is loaded: what each column holds, which role it seems to play, what is odd.

DuckDB reads, Python sees figures and a few examples only: memory does not grow with the file. `inspect` in the module
of that name is the front door, pipeline.commands the only caller; nothing here knows a database.
"""
