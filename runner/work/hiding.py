"""Where secrets are found, and what a program of the user's own is handed: this process's variables without them."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator

from runner.domain.provider import SecretRef
from runner.errors import RunnerError
from runner.settings import SecretTable, Settings
from runner.store.values import BatchInfo
from runner.work.profiles import Profiles

Batches = Callable[[], Iterable[BatchInfo]]
"""Those that are here: their profiles name keys, too. StoreError."""


def program_environment(settings: Settings, hidden: Collection[str]) -> dict[str, str]:
    """This process's variables without the `hidden` ones, and those a key was read from; the database is the run's."""
    return {**settings.keys.environment(hide=hidden), "RUNNER_DB": os.fspath(settings.database)}


def secret_names(settings: Settings, profiles: Profiles, batches: Batches) -> Iterator[str]:
    """The variables that hold a secret, in use in this run or not. StoreError."""
    return (ref.env for ref in secret_refs(settings, profiles, batches) if ref.env)


def secret_refs(settings: Settings, profiles: Profiles, batches: Batches) -> Iterator[SecretRef]:
    """Where each key is found, each source's address, each of `[notify]`. StoreError."""
    notify = settings.notify
    for given in (
        notify.webhook,
        notify.apprise,
        notify.ping_url,
        *(source.url for source in settings.sources.values()),
    ):
        if isinstance(given, SecretTable):
            yield given.ref()
    for name in _profile_names(profiles, batches):
        try:
            secret = profiles.provider(name).http.auth.secret
        except RunnerError:  # nothing of it is in use here
            continue
        if secret is not None:
            yield secret


def _profile_names(profiles: Profiles, batches: Batches) -> Iterator[str]:
    """Every provider that can be named here, then the profile files of the batches that are here."""
    yield from profiles.names()
    for info in batches():
        yield from info.source.get("profiles", {}).values()
