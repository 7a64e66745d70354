"""`python -m fastpath` is the `fastpath` command."""

from fastpath.cli import main

main()
