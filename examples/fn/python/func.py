import io
import json

from fdk import response


def handler(ctx, data: io.BytesIO = None):
    body = data.getvalue()
    name = json.loads(body).get("name", "World") if body else "World"
    answer = json.dumps({"message": f"Hello {name}"})
    return response.Response(ctx, response_data=answer, headers={"Content-Type": "application/json"})
