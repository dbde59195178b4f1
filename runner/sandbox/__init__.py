"""A provider to practise on: its wallet, windows and faults as a pure world, served over real HTTP on loopback.

`calls` reads what arrived, `replies` knows what can be answered, `books` keeps count, `world` puts them together,
`admin` shows the books to other processes, `server` is the only part that does I/O. Knows nothing of the runner's own
reading of answers: its books are what a run is checked against.
"""
