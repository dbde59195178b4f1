"""What every table of a settings file has in common, and the one that says where a secret is."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, model_validator

from runner.domain.provider import SecretRef


class Table(BaseModel):
    """Strict: an unknown key or a wrong type is a mistake. What was written is never quoted back."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SecretTable(Table):
    """`{ env = "NAME" }`, `{ file = "PATH" }` or `{ command = ["...", "..."] }`: exactly one."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> SecretTable:
        if sum(value is not None for value in (self.env, self.file, self.command)) != 1:
            raise ValueError("exactly one of env, file and command is needed")
        return self

    def ref(self) -> SecretRef:
        """The same, as everything but the settings knows it."""
        return SecretRef(env=self.env, file=self.file, command=self.command)
