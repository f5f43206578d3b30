"""Errors as callers of Lambda read them: `{errorMessage, errorType, requestId, stackTrace}`."""

import os

from .lambda_json import encoded

_own_folder = os.path.dirname(os.path.abspath(__file__)) + os.sep

# Longer ones would cost every record and log that they are in.
_BODY_CHARACTERS_MAX = 128 * 1024
_MESSAGE_CHARACTERS_MAX = 32 * 1024


def fault_answer(fault, request_id=""):
    return _answer(str(fault), fault.kind, request_id, fault.trace)


def answer_of(error, request_id=""):
    """Of what the code raised, from its own first frame on."""
    import traceback  # Costs several milliseconds, which only errors should pay.

    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in traceback.extract_tb(error.__traceback__)]
    first = next((at for at, frame in enumerate(frames) if not frame[0].startswith(_own_folder)), 0)
    return _answer(str(error), type(error).__name__, request_id, traceback.format_list(frames[first:]))


def _answer(message, kind, request_id, trace):
    return {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}


def payload_of(answer):
    """For an `error` or `failed` frame. `body`: what callers read, word for word."""
    message = answer["errorMessage"][:_MESSAGE_CHARACTERS_MAX]
    body = encoded(answer)
    if len(body) > _BODY_CHARACTERS_MAX:
        body = encoded({**answer, "errorMessage": message, "stackTrace": []})
    stack = "".join(answer["stackTrace"])[:_MESSAGE_CHARACTERS_MAX]
    return {"type": answer["errorType"], "message": message, "stack": stack or None, "body": body}


def text_of(answer):
    """For the log."""
    said = f"[ERROR] {answer['errorType']}: {answer['errorMessage']}"
    trace = "".join(answer["stackTrace"]).rstrip()
    return f"{said}\nTraceback (most recent call last):\n{trace}" if trace else said
