"""Placeholder docstring: the owner of this package says what it is for."""
