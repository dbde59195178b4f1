"""What a database's address says, and what of it is shown and kept: never its password."""

from __future__ import annotations

import pytest

from runner.domain.addresses import has_password, sqlite_file, without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hidden@host:5432/crm?sslmode=require", "postgresql://me:***@host:5432/crm?sslmode=require"),
        ("postgresql://me:hid@den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid/den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid@d/en@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me@home:hidden@host/crm", "postgresql://me@home:***@host/crm"),
        ("postgresql://host/crm?user=me&password=hidden&host=a", "postgresql://host/crm?user=me&password=***&host=a"),
        ("mysql+pymysql://me@host/crm?ssl_key=/k.pem&p%61sswd=hidden", None),
        ("mysql+pymysql://me@host/crm?ssl_key_password=hidden", "mysql+pymysql://me@host/crm?ssl_key_password=***"),
        ("mssql+pyodbc:///?odbc_connect=PWD%3Dhidden", "mssql+pyodbc:///?odbc_connect=***"),
        ("snowflake://me@host/crm?token=hidden", "snowflake://me@host/crm?token=***"),
    ],
)
def test_a_password_is_hidden_wherever_it_stands(url: str, shown: str | None) -> None:
    """Before the host, with characters that should have been encoded, or among the options of a driver."""
    assert without_password(url) == (shown or url.replace("hidden", "***"))
    assert has_password(url)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////srv/me@work/a:b@c/crm.db?timeout=5",
        "postgresql://me@host:5432/crm?passfile=/etc/crm.pass&sslkey=/k.pem",
        "runner.db",
        "",
    ],
)
def test_an_address_without_one_stays_as_it_is(url: str) -> None:
    """Paths, ports and files of keys are shown whole."""
    assert without_password(url) == url
    assert not has_password(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////srv/my%20crm.db?timeout=5", "/srv/my crm.db"),
        ("sqlite+pysqlite:///crm.db", "crm.db"),
        ("sqlite:///file:/srv/crm.db?mode=ro&uri=true", "/srv/crm.db"),
        ("sqlite:///file://localhost/srv/my%2520crm.db", "/srv/my crm.db"),
        ("sqlite://", None),
        ("postgresql://host/crm.db", None),
        ("crm.db", None),
    ],
)
def test_the_file_of_an_address(url: str, path: str | None) -> None:
    """In every way that SQLite is named; other databases have none."""
    assert sqlite_file(url) == path
