"""The engine: how jobs become attempts, at what pace, and when to stop.

It knows no database, no HTTP library and no terminal: those are ports.
"""
