"""JSON as Lambda's runtime for Python reads and writes it."""

import json
import math
import sys
from os import urandom

from .errors import Fault


def unmarshalled(body):
    """The event; without a body it is empty."""
    if not body:
        return {}
    try:
        return json.loads(body.decode())
    except Exception as error:
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error


def marshalled(result):
    """Body and content type of an answer."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return encoded(result).encode(), "application/json"
    except Exception as error:
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error


def encoded(value):
    """Text of JSON. Decimals keep their digits, and what is not a number is written down as Python does."""
    text = _encode(value)
    return text.replace(_OPEN, "").replace(_CLOSE, "") if _TOKEN in text else text


# Around the digits of a decimal, while they are in a text: no code can guess it.
_TOKEN = urandom(16).hex()
_OPEN, _CLOSE = f'"{_TOKEN}', f'{_TOKEN}"'


def _other(value):
    # A module that nobody has imported has no values here.
    decimals = sys.modules.get("decimal")
    if decimals is not None and isinstance(value, decimals.Decimal):
        return math.nan if value.is_nan() else f"{_TOKEN}{value}{_TOKEN}"
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


_encode = json.JSONEncoder(ensure_ascii=sys.version_info < (3, 12), default=_other).encode
