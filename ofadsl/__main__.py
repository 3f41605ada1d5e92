"""`python -m ofadsl`: the command line, where its script is not on the path."""

from ofadsl.cli import main

main()
