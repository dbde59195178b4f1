"""`completion`: the script that teaches a shell this command line."""

from __future__ import annotations

import re
from typing import Annotated, Literal, assert_never

from cyclopts import Parameter

from runner.cli.terminal import Screen

Shell = Literal["bash", "zsh", "fish"]

# A list's name is a word like any other to the generated scripts: where they know nothing, files are offered.
_BASH = ("complete -F _runner runner", "complete -o bashdefault -o default -F _runner runner")
_ZSH = re.compile(r"^( *'(?:(?:\d+|\*):(?![ :])|\*?-[^\[]*\[.*\]:).*)'( \\)?$", re.MULTILINE)


# Sourced, it registers itself; found in $fpath as _runner, the file is the function's body and has to call it.
_ZSH_END = """

if [[ ${funcstack[1]} == _runner ]]; then
  _cyclopts_runner "$@"
else
  compdef _cyclopts_runner runner
fi"""


def completion(shell: Annotated[Shell, Parameter(help="bash, zsh or fish.")], /) -> int:
    """Print the script that completes commands, options and files when you press Tab.

    bash: eval "$(runner completion bash)" in ~/.bashrc. zsh: eval "$(runner completion zsh)" in ~/.zshrc, below
    compinit. fish: runner completion fish > ~/.config/fish/completions/runner.fish.
    """
    Screen().data(script(shell))
    return 0


def script(shell: Shell) -> str:
    """The script for one shell."""
    from runner.cli.main import build

    text = build().generate_completion(prog_name="runner", shell=shell).rstrip()
    match shell:
        case "bash":
            return text.replace(*_BASH)
        case "zsh":
            return _ZSH.sub(r"\1:_files'\2", text) + _ZSH_END
        case "fish":
            return text  # it offers files by itself
        case _:
            assert_never(shell)
