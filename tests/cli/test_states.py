"""The state diagrams of the README."""

from pathlib import Path

import pytest

from runner.cli import states
from runner.domain.states import BATCH_TABLE, JOB_TABLE

README = Path(__file__).parents[2] / "README.md"
MARKED = "# x\n<!-- states:job -->\n<!-- /states:job -->\n\n<!-- states:batch -->old<!-- /states:batch -->\nend\n"


def test_every_edge_of_both_tables_is_drawn():
    """The diagrams have each state, target and event of the tables."""
    drawn = states.diagrams()
    for name, table in (("job", JOB_TABLE), ("batch", BATCH_TABLE)):
        for state, edges in table.items():
            for event, target in edges.items():
                line = next(line for line in drawn[name].splitlines() if f"{state} --> {target}:" in line)
                assert event in line


def test_drawing_twice_changes_nothing():
    """What stands between the markers is replaced, the rest is kept."""
    once = states.redraw(MARKED)
    assert once.startswith("# x\n<!-- states:job -->\n```mermaid")
    assert once.endswith("\nend\n")
    assert "old" not in once
    assert states.redraw(once) == once


def test_a_missing_marker_is_an_error():
    """A README without a place for a diagram is refused, not left alone."""
    with pytest.raises(ValueError, match="states:batch"):
        states.redraw(MARKED.replace("<!-- /states:batch -->", ""))


def test_check_says_that_the_file_is_old_and_leaves_it(tmp_path, capsys):
    """`--check` exits 1 on an old file, and 0 once it was drawn."""
    file = tmp_path / "README.md"
    file.write_text(MARKED)
    assert states.main(["--check", str(file)]) == 1
    assert file.read_text() == MARKED
    assert "make states" in capsys.readouterr().err
    assert states.main([str(file)]) == 0
    assert states.main(["--check", str(file)]) == 0


def test_the_readme_shows_the_tables_of_today():
    """The diagrams in the README are those of the tables."""
    assert states.main(["--check", str(README)]) == 0
