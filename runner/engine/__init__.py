"""The engine: how jobs become attempts, at what pace, and when to stop. Knows no database, no HTTP library, no terminal."""
