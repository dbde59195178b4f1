"""The command line: reads flags, calls the library, prints. It decides nothing about jobs or money."""
