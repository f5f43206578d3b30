"""What the functions of Lambda's other clients do, with the one for Python."""
import os
import time

if os.environ.get("FAIL_INIT") == "raise":
    raise RuntimeError("cannot start")
if os.environ.get("FAIL_INIT") == "exit":
    os._exit(7)

calls = 0


def lambda_handler(event, context):
    global calls
    calls += 1
    print("printed", event.get("n"), flush=True)
    time.sleep(event.get("waitMs", 0) / 1000)
    do = event.get("do")
    if do == "fail":
        raise ValueError("no good")
    if do == "exit":
        os._exit(event["n"])
    if do == "large":
        return "x" * event["n"]
    if do == "environment":
        names = ("AWS_", "LAMBDA_", "_HANDLER", "TZ")
        return {"folder": os.getcwd(), "env": {k: v for k, v in os.environ.items() if k.startswith(names)}}
    told = context.client_context
    return {
        "n": event.get("n"),
        "first": calls == 1,
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "leftMs": context.get_remaining_time_in_millis(),
        "name": context.function_name,
        "memory": int(context.memory_limit_in_mb),
        "stream": context.log_stream_name,
        "custom": None if told is None else told.custom,
        "identity": context.identity.cognito_identity_id,
    }
