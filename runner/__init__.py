"""Batch job runner for paid, rate-limited HTTP APIs."""
