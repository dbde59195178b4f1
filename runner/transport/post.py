"""One message to an address that somebody named in the settings: told to a webhook, or a dead man's switch asked.

It leaves as requests to providers do: no redirect is followed, no proxy of the environment is taken, certificates are
checked, and whatever comes back is cut at a small size. Trouble is an Answer.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from runner.domain.model import Answer, Fault, Request
from runner.domain.provider import Auth, Http
from runner.transport.client import HttpTransport

MOST_BYTES = 64 * 1024  # nobody reads what is answered


async def post(url: str, body: bytes | None, *, seconds: float, backend: str = "httpx") -> Answer:
    """POST a JSON text, or GET where there is none; one deadline for all of it. `url` is neither logged nor kept.

    The caller has looked at the URL (`domain.addresses`).
    """
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}"
    home = Http(base_url=origin, auth=Auth(kind="none"), timeout_seconds=seconds)
    headers = [("user-agent", "bulk-runner"), ("accept", "*/*"), ("connection", "close")]
    if body is not None:
        headers.append(("content-type", "application/json"))
    request = Request(
        method="GET" if body is None else "POST",
        url=url,
        path=parts.path,
        headers=tuple(headers),
        body=body or b"",
        client_request_id="",
    )
    transport = HttpTransport(home, secret=None, slots=1, fresh_connections=True, cap_bytes=MOST_BYTES, backend=backend)
    async with transport:
        return await transport.send(request)


def refusal(answer: Answer) -> str | None:
    """Why nobody was told, without the address; None: somebody was. A redirect is a refusal."""
    if answer.fault is not None:
        return answer.detail or answer.fault.value
    status = answer.status or 0
    return None if 200 <= status < 300 else f"HTTP {status}"


def is_passing(answer: Answer) -> bool:
    """Whether the same message may be taken a moment later."""
    if answer.fault is not None:
        return answer.fault in {Fault.NOT_SENT, Fault.NO_ANSWER}
    return answer.status in {408, 425, 429} or (answer.status or 0) >= 500
