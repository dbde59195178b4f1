"""Power cuts: SQLite on a disk that records what was written and what was synced, and all that may be left of it."""
