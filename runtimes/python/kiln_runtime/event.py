"""What a handler sees of a request's body."""

import json


class BadBody(ValueError):
    """The body is not what its content type says."""


def event_of(content_type, body):
    """What the handler sees of a body."""
    if not body:
        return None
    if content_type is None:
        event = _parsed(body)
        return body if event is _NOTHING else event
    media_type = content_type.split(";", 1)[0].strip().lower()
    if media_type == "application/json" or media_type.endswith("+json"):
        try:
            return json.loads(body.decode("utf-8"))
        except ValueError as error:
            raise BadBody(f"The body is not valid JSON, as its content type says: {error}") from error
    if media_type.startswith("text/"):
        return body.decode("utf-8", "replace")
    if media_type == "application/x-www-form-urlencoded":
        # What `curl -d '{…}'` declares when nobody tells it otherwise.
        event = _parsed(body) if body.lstrip()[:1] in (b"{", b"[") else _NOTHING
        return body.decode("utf-8", "replace") if event is _NOTHING else event
    return body


_NOTHING = object()
# What can begin JSON: most bytes cannot.
_OPENERS = frozenset(b' \t\r\n"-0123456789[{ftn')


def _parsed(body):
    if body[0] not in _OPENERS:
        return _NOTHING
    try:
        return json.loads(body.decode("utf-8"))
    except ValueError:
        return _NOTHING
