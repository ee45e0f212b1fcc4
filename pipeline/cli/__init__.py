"""The command line: `main` is the front door, `values` reads options, the other modules have the commands.

The modules have the headings of `make help`. Called by `python -m pipeline` and the console script.
"""
