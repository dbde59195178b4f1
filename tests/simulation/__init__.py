"""One seed is one night: the whole runner in virtual time, with a provider that outlives it and crashes of any kind."""
