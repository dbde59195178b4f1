"""The library from outside: settings, keys, whole runs against a provider world."""
