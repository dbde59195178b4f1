"""The rules of the house: plain values and pure functions. No I/O, no await, no clock, no randomness."""
