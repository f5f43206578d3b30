def handler(event, context):
    name = (event or {}).get("name", "world")
    print(f"Greeting {name} in call {context.call_id}")
    return {"message": f"Hello {name}"}
