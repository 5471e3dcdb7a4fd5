"""Domicile: a social network server that keeps every member's data in the country whose law claims it."""

__version__ = "0.1.0"
