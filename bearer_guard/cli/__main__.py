"""`python -m bearer_guard.cli`: the same as `bearer-guard`."""

from bearer_guard.cli import main

main()
