"""What a database's address says, and what of it is shown and kept: never its password."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine import make_url

from runner.domain.addresses import has_password, sqlite_file, without_password

_PASSWORDS = st.lists(st.sampled_from([*"PW?/@#:=&[].", "%40", "%3F"]), min_size=4, max_size=12).map("".join)
_RESTS = ("host/crm", "host:5432/crm?application_name=a@b", "[::1]:5432/crm", "host", "host/crm?x=a:b@c&y=z")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:hidden@host:5432/crm?sslmode=require", "postgresql://me:***@host:5432/crm?sslmode=require"),
        ("postgresql://me:hid@den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid/den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid@d/en@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid?den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid/a?den@host/crm?x=a@b", "postgresql://me:***@host/crm?x=a@b"),
        ("postgresql://me:hid?d@en@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:hid?d=en@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:12/hid?den@host/crm", "postgresql://me:***@host/crm"),
        ("postgresql://me:@hidden@[::1]:5432/crm", "postgresql://me:***@[::1]:5432/crm"),
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
        "sqlite:///x.db?mode=ro",
        "postgresql://host:5432/crm?application_name=me@work",
        "postgresql://me@host:5432/crm?application_name=me@work",
        "postgresql://[::1]:5432/crm?application_name=me@work",
        "postgresql://me@[fe80::1%eth0]/crm?application_name=a:b@c",
        "postgresql://me:@host/crm",
        "runner.db",
        "",
    ],
)
def test_an_address_without_one_stays_as_it_is(url: str) -> None:
    """Paths, ports and files of keys are shown whole."""
    assert without_password(url) == url
    assert not has_password(url)


@given(password=_PASSWORDS, user=st.sampled_from(["me", "me@home"]), rest=st.sampled_from(_RESTS))
@example(password="HUN?TER2", user="me", rest="host/crm")
@example(password="H/A?TER2", user="me", rest="host/crm?application_name=a@b")
@example(password="1@HID?DEN", user="me", rest="[::1]:5432/crm")
def test_what_sqlalchemy_takes_for_a_password_is_hidden(password: str, user: str, rest: str) -> None:
    """As it is written and as it is read, whatever characters it has; one that begins with an @ is read as empty."""
    url = f"postgresql://{user}:{password}@{rest}"
    read: str | None = password
    with suppress(ValueError):  # what follows an @ in it is no port
        read = make_url(url).password
    assert read is not None
    shown = without_password(url)
    assert not read or password not in shown
    assert len(read) < 4 or (read not in shown and quote(read) not in shown)


@given(
    user=st.sampled_from(["", "me@"]),
    host=st.sampled_from(["host", "10.0.0.1", "[::1]", "[fe80::1%eth0]"]),
    port=st.sampled_from(["", ":5432", ":1"]),
    database=st.sampled_from(["", "crm", "c:r", "c%40m"]),
    option=st.text(alphabet="aB1@:/?#=.%", max_size=12),
)
def test_without_a_password_nothing_is_hidden(user: str, host: str, port: str, database: str, option: str) -> None:
    """Whatever characters an option has."""
    url = f"postgresql://{user}{host}{port}/{database}?application_name={option}"
    assert without_password(url) == url


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
