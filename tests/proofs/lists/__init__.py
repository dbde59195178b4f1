"""Random tables in random spellings with random accidents: all of it comes out again, or an error says why not."""
