"""Whose key a run uses for which operations: the provider accounts of its batches, and the wires to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace

from runner.domain.provider import Limit, Operation, Provider
from runner.domain.states import BatchState, JobState
from runner.engine.ports import RunOptions, Transport
from runner.engine.run import LaneSetup
from runner.errors import ConfigError
from runner.settings import Secret
from runner.store.locks import account_fingerprint
from runner.store.values import BatchInfo
from runner.work.tools import Tools


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One provider account of a batch, before its lane is built."""

    provider: Provider
    operations: tuple[Operation, ...]
    secret: Secret | None
    fingerprint: str
    rate: Limit | None  # slower than the provider allows, because a person said so


def accounts_of(
    tools: Tools, info: BatchInfo, operations: Mapping[str, Operation], options: RunOptions, *, resending: bool
) -> list[Account]:
    """The accounts to work with: those with something to send, and those whose key is there in case work is added.
    All of them where more is waited for.

    `resending`: requests in doubt are to be sent again. ConfigError: a key that is needed is missing or wrong.
    """
    status = tools.store.reports.status(info.id)
    states = [JobState.QUEUED]
    if info.state is BatchState.COMPLETED and status.unfinished:
        states.append(JobState.FAILED)
    if resending:
        states.append(JobState.IN_DOUBT)
    waiting_at_all = options.follow or any(count[state] for count in status.jobs.values() for state in states)
    accounts: list[Account] = []
    if not waiting_at_all:
        return accounts
    rate = None if options.rate is None else Limit(at_most=options.rate[0], per_seconds=options.rate[1])
    for provider in tools.profiles.by_provider(operations, info.source).values():
        mine = tuple(operation for operation in operations.values() if operation.provider == provider.name)
        counts = [status.jobs[operation.key] for operation in mine if operation.key in status.jobs]
        waiting = options.follow or any(count[state] for count in counts for state in states)
        try:
            secret = tools.settings.keys.of(provider)
        except ConfigError:
            if waiting:
                raise
            continue
        key = "" if secret is None else secret.reveal()
        fingerprint = account_fingerprint(provider.http.base_url, key)
        _refuse_twin(provider, [one.provider for one in accounts if one.fingerprint == fingerprint])
        accounts.append(Account(provider=provider, operations=mine, secret=secret, fingerprint=fingerprint, rate=rate))
    return accounts


def _refuse_twin(provider: Provider, twins: Iterable[Provider]) -> None:
    """A second account on the first one's key would buy every answer of the batch twice."""
    for twin in twins:
        if (provider.base or provider.name) == (twin.base or twin.name):
            raise ConfigError(
                f"{twin.name} and {provider.name} have the same address and key",
                why="The same key is the same account: it would pay twice for every row.",
                fix="put this into runner.toml:\n"
                f'[providers.{provider.name}.http.auth]\nsecret = {{ env = "ANOTHER_KEY" }}',
            )


class Wires:
    """One transport for each account and profile, however many batches ask it. Closed with `stack`."""

    def __init__(self, tools: Tools, accounts: Iterable[Account], stack: AsyncExitStack) -> None:
        self._made: dict[tuple[str, str], Transport] = {}
        rates: dict[tuple[str, str], list[Limit]] = {}
        every = list(accounts)
        for account in every:
            rates.setdefault(_key(account), []).extend([account.rate] if account.rate else [])
        for account in every:
            if _key(account) not in self._made:
                # The wire too must know a slow lane: there an idle connection is never used again.
                limits = (*account.provider.limits, *rates[_key(account)])
                made = tools.transport(replace(account.provider, limits=limits), account.secret)
                stack.push_async_callback(made.aclose)
                self._made[_key(account)] = made

    def lane(self, account: Account) -> LaneSetup:
        """What the engine is given to work with."""
        return LaneSetup(
            provider=account.provider,
            operations=account.operations,
            transport=self._made[_key(account)],
            account=account.fingerprint,
        )


def _key(account: Account) -> tuple[str, str]:
    return account.fingerprint, account.provider.name
