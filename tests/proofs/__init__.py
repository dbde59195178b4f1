"""The promises, shown through the real command line and real HTTP: each proof is a function of its figures and a seed.

The suite runs a slice of each with a random seed (`test_slices`), `make soak` the full figures. A proof raises
AssertionError on a violation and returns its counts in one line.
"""
