"""What a handler of the convention `lambda` sees of its call and of itself besides the event."""

import json
import os
import sys
from contextvars import ContextVar

from .errors import Fault

# From the letters of ids to those that Python counts with.
_LETTERS = str.maketrans("0123456789ABCDEFGHJKMNPQRSTVWXYZ", "0123456789abcdefghijklmnopqrstuv")


class _RequestId:
    """Of the call that runs this code; of the latest where there is none."""

    def __init__(self):
        self._own = ContextVar("request_id", default=None)
        self._latest = None

    def begin(self, call):
        value = _uuid(call.field(":call:"))
        self._own.set(value)
        self._latest = value
        return value

    def get(self):
        return self._own.get() or self._latest


request_id = _RequestId()


def _uuid(call_id):
    digits = f"{int(call_id.translate(_LETTERS), 32):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def facts():
    """What a context says of the function, the same for all calls."""
    env = os.environ.get
    return {
        "log_group_name": env("AWS_LAMBDA_LOG_GROUP_NAME"),
        "log_stream_name": env("AWS_LAMBDA_LOG_STREAM_NAME"),
        "function_name": env("AWS_LAMBDA_FUNCTION_NAME"),
        "memory_limit_in_mb": env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"),
        "function_version": env("AWS_LAMBDA_FUNCTION_VERSION"),
    }


class LambdaContext:
    """The second argument. What is not there is None."""

    def __init__(self, call, aws_request_id, target):
        self.aws_request_id = aws_request_id
        vars(self).update(target.facts)
        said = call.field if "lambda-runtime-" in call.head else _nothing
        self.invoked_function_arn = said("lambda-runtime-invoked-function-arn:") or target.arn
        self.tenant_id = said("lambda-runtime-aws-tenant-id:")
        self.client_context = _client_context(_parsed(said("lambda-runtime-client-context:"), "Client Context"))
        self.identity = _identity(_parsed(said("lambda-runtime-cognito-identity:"), "Cognito Identity"))
        self._call = call

    def get_remaining_time_in_millis(self):
        return max(0, int(self._call.field(":deadline:")) - int(self._call.clock.now() * 1000))

    def log(self, message):
        sys.stdout.write(str(message))

    def __repr__(self):
        names = (name for name in vars(self) if not name.startswith("_"))
        return f"LambdaContext([{','.join(f'{name}={getattr(self, name)}' for name in names)}])"


class _Members:
    """An object with exactly these attributes, None where nothing is said."""

    __slots__ = ()

    def __init__(self, given):
        for name in self.__slots__:
            setattr(self, name, given.get(name))

    def __repr__(self):
        return f"{type(self).__name__}([{','.join(f'{name}={getattr(self, name)}' for name in self.__slots__)}])"


class CognitoIdentity(_Members):
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")


class Client(_Members):
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")


class ClientContext(_Members):
    __slots__ = ("custom", "env", "client")


def _client_context(said):
    if said is None:
        return None
    context = ClientContext(said)
    context.client = None if context.client is None else Client(context.client)
    return context


def _identity(said):
    said = said or {}
    return CognitoIdentity(
        {
            "cognito_identity_id": said.get("cognitoIdentityId"),
            "cognito_identity_pool_id": said.get("cognitoIdentityPoolId"),
        }
    )


def _parsed(text, name):
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError as error:
        raise Fault("Runtime.LambdaContextUnmarshalError", f"Unable to parse {name} JSON: {error}") from error


def _nothing(_name):
    return None
