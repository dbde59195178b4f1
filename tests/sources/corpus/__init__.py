"""Lists as people have them: every file names its accident, and says what must come out of it, or which error."""

from __future__ import annotations

from tests.sources.corpus.case import Case
from tests.sources.corpus.dialects import DIALECTS
from tests.sources.corpus.encodings import ENCODINGS
from tests.sources.corpus.kinds import KINDS
from tests.sources.corpus.programs import PROGRAMS
from tests.sources.corpus.shapes import SHAPES

CASES: tuple[Case, ...] = (*ENCODINGS, *DIALECTS, *SHAPES, *PROGRAMS, *KINDS)
