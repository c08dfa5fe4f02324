"""Run the command line with ``python -m speechqa.cli``."""

from speechqa.cli import main

main()
