"""`completion`: what the shells make of it."""

import re
import shutil
import subprocess

import pytest

from runner.cli.complete import script
from tests.cli.place import clean_environment, inside

TAB = """
set -u -o pipefail
source /dev/stdin
COMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMP_LINE="${{COMP_WORDS[*]}}"; COMP_POINT=${{#COMP_LINE}}
set +u
_runner
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
CHECKS = {"zsh": ["zsh", "-n", "/dev/stdin"], "fish": ["fish", "--no-execute", "/dev/stdin"]}


def tab(folder, words: str) -> set[str]:
    """What a real bash offers when Tab is pressed behind these words."""
    printed = inside(folder, "completion", "bash").stdout
    done = subprocess.run(
        ["bash", "--norc", "-c", TAB.format(words=words)],
        cwd=folder,
        env=clean_environment(),
        input=printed,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split())


def test_bash_completes_commands_their_words_and_options(tmp_path):
    """`runner pro<TAB>`, inner commands, options and their words."""
    assert tab(tmp_path, "runner pro") == {"providers"}
    assert {"list", "show", "test", "new"} <= tab(tmp_path, "runner providers ''")
    assert tab(tmp_path, "runner run --max-re") == {"--max-requests"}
    assert tab(tmp_path, "runner run --in-doubt ''") == {"hold", "resend-once"}


def test_bash_offers_files_where_the_script_knows_nothing(tmp_path):
    """A list is completed as bash completes any file, by the very line that registers the script."""
    assert tab(tmp_path, "runner run lea") == set()
    printed = inside(tmp_path, "completion", "bash").stdout
    registered = [line for line in printed.splitlines() if re.match(r"complete .*\brunner$", line)]
    assert registered == ["complete -o bashdefault -o default -F _runner runner"]


def test_zsh_offers_files_for_words_and_values():
    """Every positional word and every option with a value has an action; switches and lists of commands keep theirs."""
    lines = script("zsh").splitlines()
    words = [line for line in lines if re.match(r" *'(\d+|\*):[^ :]", line)]
    values = [line for line in lines if re.match(r" *'\*?-.*\]:", line)]
    assert words
    assert values
    assert all(re.search(r":_files'( \\)?$", line) for line in words + values)
    assert any("1: :->cmds" in line for line in lines)
    assert not any(line.endswith("]:_files'") for line in lines)


def test_zsh_can_source_it_or_find_it():
    """It registers itself where it is sourced, and calls itself where it is autoloaded under the command's name."""
    text = script("zsh")
    assert text.startswith("#compdef runner\n")
    (function,) = re.findall(r"^(\w+)\(\) \{$", text, re.MULTILINE)
    called = f'if [[ ${{funcstack[1]}} == _runner ]]; then\n  {function} "$@"\nelse\n  compdef {function} runner\nfi'
    assert text.endswith(called)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_script_knows_every_command(shell, tmp_path):
    """The script is the whole of stdout, ends well, and a shell that is installed here can read it."""
    done = inside(tmp_path, "completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    for command in ("init", "doctor", "providers", "completion"):
        assert command in done.stdout
    if shell in CHECKS and shutil.which(shell):
        subprocess.run(CHECKS[shell], input=done.stdout, text=True, check=True)


def test_another_shell_is_refused(tmp_path):
    """Exit 2, naming the shells there are."""
    done = inside(tmp_path, "completion", "tcsh")
    assert done.returncode == 2
    assert "zsh" in done.stderr
