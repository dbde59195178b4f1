"""A body's coding, undone within bounds. A 980-byte answer can unpack to a gigabyte; here it stops at the cap."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

_GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A body as it can be used. `truncated`: it was cut at the cap, or its coding could not be undone."""

    body: bytes
    truncated: bool
    detail: str = ""


def decode(raw: bytes, coding: str, *, cap_bytes: int, cut: bool = False) -> Content:
    """Undo at most one coding (gzip), into at most `cap_bytes`. Never raises.

    `coding` is the Content-Encoding header, several joined by commas. Another coding, or several, leave the raw bytes
    as they came: they were paid for, and a person may still read them. `cut`: the raw bytes are known to be incomplete.
    """
    names = [name for part in coding.split(",") if (name := part.strip().lower()) and name != "identity"]
    if not names:
        return Content(body=raw[:cap_bytes], truncated=cut or len(raw) > cap_bytes)
    if len(names) > 1 or names[0] not in {"gzip", "x-gzip"}:
        return Content(body=raw[:cap_bytes], truncated=True, detail="the body has a coding that was not asked for")
    if not raw:  # nothing to decode: a 304 or an empty refusal that still names its coding
        return Content(body=b"", truncated=cut)
    inflater = zlib.decompressobj(_GZIP)
    try:
        # One byte over the cap tells "exactly the cap" from "more than the cap".
        body = inflater.decompress(raw, cap_bytes + 1)
    except zlib.error:
        return Content(body=raw[:cap_bytes], truncated=True, detail="the body is not the gzip it says it is")
    if len(body) > cap_bytes:
        return Content(body=body[:cap_bytes], truncated=True, detail=f"the body is longer than {cap_bytes} bytes")
    whole = inflater.eof and not inflater.unused_data
    return Content(body=body, truncated=cut or not whole, detail="" if whole else "the gzip body is not whole")
