"""`python -m domicile`."""

from domicile.cli.main import main

main()
