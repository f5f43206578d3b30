"""Helpers around handlers."""

from __future__ import annotations

from functools import wraps
from typing import Any, Callable, Mapping, Optional, TypeVar

from .errors import FunctionError
from .types import Context, Handler

Body = TypeVar("Body")


def respond(context: Context, body: Body, *, status: Optional[int] = None, headers: Optional[Mapping[str, Any]] = None) -> Body:
    """Sets status and headers of the answer, and gives back its body: `return respond(context, body, status=201)`."""
    if status is not None:
        context.status(status)
    for name, value in (headers or {}).items():
        context.header(name, value)
    return body


def streamed(handler: Handler) -> Handler:
    """A decorator: the handler's event is the request's body as it arrives; a caller that sends more than is read waits."""
    handler.streamed = True  # type: ignore[attr-defined]
    return handler


def validated(validate: Callable[[Any], Any]) -> Callable[[Handler], Handler]:
    """A decorator: the handler gets only events that `validate` accepts, as it gives them; others are answered with 400.

    `validate` raises ValueError or TypeError, as pydantic's `Model.model_validate` does.
    """

    def decorate(handler: Handler) -> Handler:
        @wraps(handler)
        def checked(event: Any, context: Context) -> Any:
            try:
                value = validate(event)
            except (ValueError, TypeError) as error:
                raise _invalid(error) from error
            return handler(value, context)

        return checked

    return decorate


def _invalid(error: Exception) -> FunctionError:
    issues = [{"path": "", "message": str(error)}]
    found = getattr(error, "errors", None)
    if callable(found):  # pydantic
        issues = [{"path": ".".join(map(str, each.get("loc", ()))), "message": each.get("msg", "")} for each in found()]
    shown = "; ".join(f"{each['path']}: {each['message']}" if each["path"] else each["message"] for each in issues[:3])
    return FunctionError(400, f"The event is not valid: {shown}", code="invalid", details={"issues": issues})
