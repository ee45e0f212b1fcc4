"""`python -m pipeline`: the command line without an installed script."""

from pipeline.cli import main

main()
