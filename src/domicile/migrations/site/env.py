"""Alembic wants this file; `upgrade.py` does its work."""
