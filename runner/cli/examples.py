"""One or two examples of every command, as `--help` shows them: each can be typed as it is, beside a `leads.csv`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXAMPLES: Final[Mapping[str, tuple[str, ...]]] = {
    "check": ("runner check leads.csv -p defastra.email", "runner check leads.csv --until 07:00"),
    "run": ("runner run leads.csv -p defastra.email --max-requests 500", "runner run --all --until 07:00"),
    "status": ("runner status leads", "runner status --watch"),
    "explain": ("runner explain leads 17", "runner explain leads ada@example.com --support"),
    "doubt": ("runner doubt list leads", "runner doubt resolve leads --all --as not-charged"),
    "export": ("runner export leads -o leads.jsonl", "runner export leads -o again.csv --only failed"),
    "demo": ("runner demo", "runner demo --crash"),
    "init": ("runner init", 'runner init -p defastra.email --key-env DEFASTRA_API_KEY --price "0.02 EUR"'),
    "doctor": ("runner doctor", "runner doctor --notify"),
    "load": ("runner load leads.csv -p defastra.email", "runner load leads.csv --add"),
    "log": ("runner log leads", "runner log --since 2h"),
    "spend": ("runner spend --since 7d", "runner spend --by batch"),
    "report": ("runner report leads -o report.html",),
    "pause": ("runner pause leads",),
    "resume": ("runner resume leads",),
    "cancel": ("runner cancel leads",),
    "tune": ("runner tune leads --rate 30/min --in-flight 2", "runner tune leads --rate none"),
    "retry": ("runner retry leads --only failed", "runner retry leads --only failed:server-error"),
    "doubt list": ("runner doubt list leads",),
    "doubt resolve": (
        "runner doubt resolve leads --row 3,9 --as charged",
        "runner doubt resolve leads --all --as not-charged",
    ),
    "providers": ("runner providers list", "runner providers show defastra"),
    "providers list": ("runner providers list",),
    "providers show": ("runner providers show defastra",),
    "providers test": ("runner providers test ./mine.toml",),
    "providers new": ("runner providers new mine --from defastra",),
    "sandbox": ("runner sandbox defastra --port 8765 > runner.toml", "runner sandbox ./mine.toml --faults 5%"),
    "config": ("runner config show",),
    "config show": ("runner config show",),
    "config path": ("runner config path",),
    "config schema": ("runner config schema > runner.schema.json",),
    "db": ("runner db status", "runner db backup copy.db"),
    "db status": ("runner db status",),
    "db upgrade": ("runner db upgrade",),
    "db backup": ("runner db backup copy.db",),
    "db verify": ("runner db verify",),
    "db purge": ("runner db purge --older-than 30d",),
    "db erase": ("runner db erase --match -",),
    "completion": ("runner completion fish > ~/.config/fish/completions/runner.fish",),
}
