"""`python -m pipeline`: the command line without an installed script."""

from pipeline.cli.main import main

main()
