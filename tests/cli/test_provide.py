"""Writing a provider of one's own, through the real command line: new, test, sandbox, run."""

from __future__ import annotations

import json
import shlex

import pytest

from runner.cli.sandbox import own_port
from runner.providers.loader import load, load_file
from tests.cli.place import inside, write_list
from tests.sandbox.process import sandbox

KEY = "acme-key-not-real-0123456789"


def test_from_nothing_to_an_enriched_list(tmp_path):
    """The starter passes as it is; the sandbox plays it; each of its rules can be seen before it happens in earnest."""
    done = inside(tmp_path, "providers", "new", "acme")
    assert (done.returncode, done.stdout) == (0, "")
    commands = [line.strip().partition("   (")[0] for line in done.stderr.splitlines()[1:]]
    assert commands == [
        "runner providers test ./acme.toml",
        "runner sandbox ./acme.toml",
        "runner run LIST.csv -p ./acme.toml:lookup",
    ]
    assert inside(tmp_path, *shlex.split(commands[0])[1:]).returncode == 0
    path = tmp_path / "acme.toml"
    provider = load_file(path)
    with sandbox(path, key=KEY) as world:
        path.write_text(path.read_text().replace(provider.http.base_url, world.url))
        write_list(tmp_path, "ada@example.com", "rule-bad-address@example.com", "lin@example.com")
        done = inside(tmp_path, "run", "leads.csv", "-p", "./acme.toml:lookup", "-o", "-", "-q", ACME_API_KEY=KEY)
        assert done.returncode == 3
        header, *rows = done.stdout.splitlines()
        assert header.startswith("id,email,note,acme_lookup_company,acme_lookup_size,acme_lookup_found,")
        assert [row.split(",")[6] for row in rows] == ["succeeded", "failed", "succeeded"]
        write_list(tmp_path, "rule-no-credits@example.com", name="poor.csv")
        done = inside(tmp_path, "run", "poor.csv", "-p", "./acme.toml:lookup", ACME_API_KEY=KEY)
        assert done.returncode == 4
        assert 'acme says no_credits "Your balance is 0"' in done.stderr
        assert "Buy credits" in done.stderr
        assert len(world.charged()) == 2


def test_a_starters_sandbox_is_where_the_starter_looks_for_it(tmp_path):
    """Without --port: the profile's own port, if it is on this machine; nothing needs to be put anywhere."""
    inside(tmp_path, "providers", "new", "acme")
    assert own_port(load_file(tmp_path / "acme.toml")) == 8765
    assert own_port(load("defastra")) == 0


def test_nothing_is_overwritten_and_no_name_is_taken_twice(tmp_path):
    """Exit 2 with a fix that works; a folder that is not there, a file that is no profile, a name that exists."""
    path = tmp_path / "acme.toml"
    path.write_text("mine")
    for arguments, told in [
        (("acme",), "acme.toml is there already"),
        (("defastra",), "there is a provider called defastra already"),
        (("Acme",), "a provider cannot be called 'Acme'"),
        (("acme", "-o", "acme.txt"), "a profile's file ends in .toml"),
        (("acme", "-o", "missing/acme.toml"), "cannot be written"),
        (("acme2", "--from", "defasta"), "Did you mean defastra?"),
        (("acme2", "--from", "./missing.toml"), "cannot be read"),
    ]:
        done = inside(tmp_path, "providers", "new", *arguments)
        assert (done.returncode, told in done.stderr) == (2, True), done.stderr
    assert path.read_text() == "mine"
    assert [one.name for one in tmp_path.iterdir()] == ["acme.toml"]
    done = inside(tmp_path, "providers", "new", "acme")
    fix = done.stderr.partition("fix: runner ")[2].strip()
    assert inside(tmp_path, *shlex.split(fix)).returncode == 0


@pytest.mark.parametrize("name", ["runner.toml", "new/runner.toml", "sub/../Runner.toml", "link.toml", "db.toml"])
def test_a_profile_is_never_written_where_settings_are_read(name, tmp_path):
    """Nor where the database will be; nothing is written, and what is proposed works."""
    for folder in ("sub", "new"):
        (tmp_path / folder).mkdir()
    (tmp_path / "link.toml").symlink_to("runner.toml")
    words = ["providers", "new", "acme", "-o", name, "--db", "db.toml"]
    done = inside(tmp_path, *words)
    assert (done.returncode, "is no place for a profile" in done.stderr) == (2, True), done.stderr
    assert sorted(one.name for one in tmp_path.rglob("*")) == ["link.toml", "new", "sub"]
    (fix,) = [line for line in done.stderr.splitlines() if "fix: runner " in line]
    assert inside(tmp_path, *shlex.split(fix)[2:]).returncode == 0
    assert inside(tmp_path, "providers", "list").returncode == 0


def test_a_copy_called_runner_gets_a_file_of_another_name(tmp_path):
    """Without -o its file would be the settings; what is proposed is still a copy."""
    done = inside(tmp_path, "providers", "new", "runner", "--from", "dfirlab")
    fix = "runner providers new runner --from dfirlab -o runner-profile.toml"
    assert f"fix: {fix}\n" in done.stderr
    assert inside(tmp_path, *shlex.split(fix)[1:]).returncode == 0
    assert "DFIR Lab" in (tmp_path / "runner-profile.toml").read_text()


def test_a_copy_of_a_shipped_provider(tmp_path):
    """--from begins with its text; it passes as it is."""
    done = inside(tmp_path, "providers", "new", "mine", "--from", "defastra", "-o", "my_defastra.toml")
    assert done.returncode == 0
    assert "runner run LIST.csv -p ./my_defastra.toml:email" in done.stderr
    assert inside(tmp_path, "providers", "test", "./my_defastra.toml").returncode == 0


def test_the_output_is_one_to_work_from(tmp_path):
    """Each rule with what it does and its examples; of a failing example the answer, the rule, and what was missed."""
    inside(tmp_path, "providers", "new", "acme")
    path = tmp_path / "acme.toml"
    path.write_text(
        path.read_text().replace('code = "no_credits" }, { status = 402', 'code = "no_funds" }, { status = 403')
        + '[[rules]]\nname = "late"\nwhen = { status = 500 }\nthen = "fail"\ndebited = "no"\n'
    )
    done = inside(tmp_path, "providers", "test", "./acme.toml")
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["rule", "does", "charged", "takes", "examples"]
    shown = {line.split()[0]: " ".join(line.split()) for line in lines if line}
    assert shown["found"] == "found succeed yes 200 2 (200)"
    assert shown["too-fast"] == "too-fast pause 1 s to 1 min no 429 1 (429)"
    assert shown["bad-request"].startswith("bad-request fail, halt while none succeeded no 400, 404, 405, 422")
    assert shown["no-credits"].endswith("0 its example leads elsewhere")
    assert shown["late"].endswith("unreachable: their-trouble takes all it matches")
    assert "example 3 (lookup) leads to" in done.stdout
    assert '  answer    402 {"error": {"code": "no_credits", "message": "Your balance is 0"}}' in lines
    assert any(
        line.endswith('table 1 of its `when`: code is "no_credits", the rule wants "no_funds"') for line in lines
    )
    assert any(line.endswith("table 2 of its `when`: status is 402, the rule wants 403") for line in lines)
    assert "rules[late]: has no example" in done.stderr
    assert "the last rule must catch all" in done.stderr
    assert "fix: edit ./acme.toml, then check it: runner providers test ./acme.toml" in done.stderr


def test_json_says_the_same(tmp_path):
    """One object; with `error` as every command that fails has it."""
    inside(tmp_path, "providers", "new", "acme")
    good = json.loads(inside(tmp_path, "providers", "test", "./acme.toml", "--json").stdout)
    assert (good["schema"], "error" in good) == (1, False)
    (trial,) = good["providers"]
    assert (trial["provider"], trial["passed"]) == ("acme", True)
    assert (trial["mistakes"], trial["notes"], trial["misses"]) == ([], [], [])
    assert trial["rules"][0] == {
        "rule": "found", "then": "succeed", "does": "succeed", "debited": "yes", "takes": "200", "examples": 2,
        "answers": ["200"], "built_in": False, "unreachable_for": None,
    }  # fmt: skip
    path = tmp_path / "acme.toml"
    path.write_text(path.read_text().replace('rule = "wrong-key"', 'rule = "found"'))
    done = inside(tmp_path, "providers", "test", "./acme.toml", "--json")
    bad = json.loads(done.stdout)
    assert done.returncode == 2
    assert bad["error"]["code"] == "profile"
    (miss,) = bad["providers"][0]["misses"]
    assert (miss["wanted"], miss["led_to"], miss["unmet"]) == (
        "found", "wrong-key", ["status is 401, the rule wants 200"],
    )  # fmt: skip
    done = inside(tmp_path, "providers", "test", "./missing.toml", "--json")
    assert (done.returncode, json.loads(done.stdout)["providers"][0]["rules"]) == (2, [])


def test_a_body_is_cut_and_cannot_move_the_cursor(tmp_path):
    """120 characters of it; control characters are escaped."""
    inside(tmp_path, "providers", "new", "acme")
    with (tmp_path / "acme.toml").open("a") as file:
        file.write(f'[[examples]]\nrule = "found"\nanswer = {{ status = 500, body = "\\u001b[2J{"x" * 300}" }}\n')
    done = inside(tmp_path, "providers", "test", "./acme.toml")
    assert "\x1b" not in done.stdout
    assert f"500 \\u001b[2J{'x' * 116}…\n" in done.stdout


def test_all_known_providers_at_once(tmp_path):
    """Without a name one line each, the accounts of runner.toml too; one that is wrong hides no other."""
    (tmp_path / "runner.toml").write_text(
        '[providers.acme]\nextends = "defastra"\nhttp = { auth = { secret = { env = "ACME_API_KEY" } } }\n'
    )
    done = inside(tmp_path, "providers", "test")
    assert done.returncode == 0
    names = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert names[0] == "acme"
    assert "defastra" in names
    with (tmp_path / "runner.toml").open("a") as file:
        file.write('[providers.zeta]\nextends = "nobody"\n')
    done = inside(tmp_path, "providers", "test")
    assert done.returncode == 2
    assert "zeta: cannot be used, 1 mistake" in done.stdout
    assert "defastra: " in done.stdout
    assert "[providers.zeta] extends what cannot be extended" in done.stderr


@pytest.mark.parametrize(
    ("rule", "does"), [("rate-limited-minute", "pause 1 min"), ("unknown-error", "retry, 2 attempts")]
)
def test_show_says_what_a_rule_does(tmp_path, rule, does):
    """`providers show` has the same words as `providers test`."""
    shown = inside(tmp_path, "providers", "show", "defastra").stdout
    assert any(line.startswith(rule) and f" {does} " in line for line in shown.splitlines())


def test_an_operation_that_a_file_has_not_is_proposed_of_that_file(tmp_path):
    """`-p acme.lookup` would be of nobody; the file stays in the fix, with its blanks, and the fix is taken."""
    (tmp_path / "my own").mkdir()
    for path in ("./acme.toml", "my own/acme.toml"):
        inside(tmp_path, "providers", "new", "acme", "-o", path)
        write_list(tmp_path, "ada@example.com")
        refused = inside(tmp_path, "load", "leads.csv", "-p", f"{path}:nope")
        fix = refused.stderr.splitlines()[2].removeprefix("  fix: ")
        assert (refused.returncode, shlex.split(fix)) == (2, ["-p", f"{path}:lookup"])
        assert inside(tmp_path, "load", "leads.csv", *shlex.split(fix), "--new").returncode == 0


def test_a_batch_whose_operation_is_gone_from_its_file_names_the_file(tmp_path):
    """Another operation of it would be another batch."""
    inside(tmp_path, "providers", "new", "acme")
    write_list(tmp_path, "ada@example.com")
    assert inside(tmp_path, "load", "leads.csv", "-p", "./acme.toml:lookup").returncode == 0
    path = tmp_path / "acme.toml"
    path.write_text(path.read_text().replace("operations.lookup", "operations.other"))
    refused = inside(tmp_path, "run", "leads", ACME_API_KEY=KEY)
    assert refused.returncode == 2
    assert f"fix: edit {path}, and put [operations.lookup] back\n" in refused.stderr


@pytest.mark.parametrize("words", ["providers test {}", "providers show {}", "sandbox {}", "providers new a --from {}"])
@pytest.mark.parametrize(("path", "folder"), [("./nope.toml", "."), ("no/such/nope.toml", "."), ("own/no.toml", "own")])
def test_a_profile_that_is_not_there_is_looked_for_where_it_may_be(words, path, folder, tmp_path):
    """The fix is of no command in particular: some of them take no -p. It lists a folder that is there."""
    (tmp_path / "own").mkdir()
    refused = inside(tmp_path, *words.format(path).split())
    assert refused.returncode == 2
    assert refused.stderr.splitlines()[-1] == (
        f"  fix: ls {folder}   (the files there), or runner providers list   (those without a file)"
    )


def test_show_says_who_repeats_a_request_and_what_that_costs(tmp_path):
    """A GET is sent again by itself, charged or not; a POST is not."""
    inside(tmp_path, "providers", "new", "acme")
    path = tmp_path / "acme.toml"
    paid = path.read_text().replace('"POST"', '"GET"').replace("json = {", "query = {").replace("safe = false\n", "")
    free = paid.replace("price = 1 ", "price = 0 ")
    for text, told in [
        (path.read_text(), "repeating it may cost again"),
        (paid, "repeated by itself; each may be charged"),
        (free, "repeated by itself, without a charge"),
        (paid.replace("price = 1 ", "# "), "repeated by itself; what that costs is not known"),
    ]:
        path.write_text(text)
        shown = inside(tmp_path, "providers", "show", "./acme.toml").stdout
        assert [line.split("again", 1)[1].strip() for line in shown.splitlines() if line.startswith("  again")] == [
            told
        ]


@pytest.mark.parametrize("word", ["./acme.toml", "acme.toml", "acme.toml:", "acme.toml.lookpu", "my own/acme.toml"])
def test_a_file_without_an_operation_is_proposed_with_one_of_its_own(word, tmp_path):
    """What is proposed is taken as it stands."""
    (tmp_path / "my own").mkdir()
    inside(tmp_path, "providers", "new", "acme", "-o", "my own/acme.toml" if "own" in word else "acme.toml")
    write_list(tmp_path, "ada@example.com")
    refused = inside(tmp_path, "load", "leads.csv", "-p", word)
    fix = refused.stderr.splitlines()[-1].removeprefix("  fix: ")
    assert (refused.returncode, fix.endswith((":lookup", ":lookup'"))) == (2, True), refused.stderr
    assert inside(tmp_path, "load", "leads.csv", *shlex.split(fix)).returncode == 0


def test_a_note_changes_no_exit_code(tmp_path):
    """It stands above the verdict and in the JSON; without a name its number alone."""
    inside(tmp_path, "providers", "new", "acme")
    path = tmp_path / "acme.toml"
    path.write_text(path.read_text().replace('"data.size"', '"dta.size"'))
    done = inside(tmp_path, "providers", "test", "./acme.toml")
    assert done.returncode == 0
    note, _, verdict = done.stdout.splitlines()[-3:]
    assert note.startswith("note: ./acme.toml: operations.lookup.columns.size: ")
    assert verdict.endswith("each leads to the rule it names; 1 note")
    (trial,) = json.loads(inside(tmp_path, "providers", "test", "./acme.toml", "--json").stdout)["providers"]
    assert (trial["passed"], trial["notes"]) == (True, [note.removeprefix("note: ")])


def test_constant_headers_are_shown_by_their_names(tmp_path):
    """The starter's line for them is one to uncomment."""
    inside(tmp_path, "providers", "new", "acme")
    path = tmp_path / "acme.toml"
    assert "# headers = {" in path.read_text()
    path.write_text(path.read_text().replace("# headers = {", "headers = {"))
    assert inside(tmp_path, "providers", "test", "./acme.toml").returncode == 0
    shown = inside(tmp_path, "providers", "show", "./acme.toml").stdout.splitlines()
    assert [line.split(maxsplit=1)[1] for line in shown if line.startswith("  headers")] == ["X-App-Id, Accept"]
