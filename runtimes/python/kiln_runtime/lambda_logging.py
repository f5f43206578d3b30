"""The module `logging` as Lambda sets it up: a handler of the root logger, whose lines name the request."""

import json
import logging
import os
import sys
import time
import traceback

from .lambda_context import request_id

_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S"
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}


def set_up_logging():
    logging.Formatter.converter = time.gmtime
    handler = _Handler()
    is_json = os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"
    handler.setFormatter(_JsonFormatter(datefmt=_TIME + "Z") if is_json else logging.Formatter(_TEXT, _TIME))
    handler.addFilter(_with_request)
    root = logging.getLogger()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG"}.get(level, level)
    if isinstance(logging.getLevelName(level), int):
        root.setLevel(level)
    root.addHandler(handler)


def _with_request(record):
    record.aws_request_id = request_id.get() or ""
    return True


class _Handler(logging.Handler):
    def emit(self, record):
        # Looked up now: code may put something else in its place.
        sys.stdout.write(self.format(record) + "\n")


class _JsonFormatter(logging.Formatter):
    def format(self, record):
        entry = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": record.levelname,
            "message": record.getMessage(),
            "logger": record.name,
            **_error_of(record),
            "requestId": record.aws_request_id,
            **{name: value for name, value in vars(record).items() if name not in _OWN},
        }
        return json.dumps({name: value for name, value in entry.items() if value is not None}, ensure_ascii=False, default=str)


def _error_of(record):
    if not record.exc_info or record.exc_info[0] is None:
        return {}
    kind, error, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": kind.__name__,
        "errorMessage": str(error),
        "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
    }
