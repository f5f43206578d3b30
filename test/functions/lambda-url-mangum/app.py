"""An ASGI application behind Mangum."""

from mangum import Mangum


async def app(scope, receive, send):
    body = (await receive())["body"].decode()
    headers = dict(scope["headers"])
    shown = [(b"x-own", headers[b"x-asked"]), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"content-type", b"text/plain")]
    path = scope["path"] + "?" + scope["query_string"].decode()
    await send({"type": "http.response.start", "status": 207, "headers": shown})
    await send({"type": "http.response.body", "body": f"{scope['method']} {path} {body} ".encode()})


handler = Mangum(app, lifespan="off")
