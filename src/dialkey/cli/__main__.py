"""`python -m dialkey.cli`."""

from dialkey.cli import main

main()
