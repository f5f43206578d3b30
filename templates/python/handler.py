def handler(event, context):
    """Called with the body, parsed when it is JSON; what it returns is the answer."""
    name = (event or {}).get("name", "world")
    print(f"greeting {name} in call {context.call_id}")
    return {"message": f"Hello {name}"}
