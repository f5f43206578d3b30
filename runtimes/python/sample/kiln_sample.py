"""What a runtime that has no code yet serves, so that the paths of a load and of a call are imported and warm (docs/frames.md, Rehearsal)."""


def handler(event, context):
    print("rehearsal", context.function_name)
    return {"message": f"Hello, {(event or {}).get('name', 'world')}!", "id": context.call_id}
