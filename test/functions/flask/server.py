"""A Flask server as its documentation shows it; nothing in it knows where it runs."""
import json
import os
import threading
import time

from flask import Flask, Response, request

app = Flask(__name__)


@app.get("/")
def hello():
    return "Hello, World!"


@app.post("/")
def count():
    return {"got": len(request.get_data())}


@app.route("/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def echo():
    seen = {"url": request.full_path.rstrip("?"), "host": request.host, "custom": request.headers.get("X-Custom"), "te": request.headers.get("TE")}
    answer = Response(request.get_data(), status=207)
    answer.headers["X-Method"] = request.method
    answer.headers["X-Seen"] = json.dumps(seen)
    answer.headers.add("Set-Cookie", "a=1")
    answer.headers.add("Set-Cookie", "b=2")
    return answer


asked = threading.Semaphore(0)


@app.get("/ticks")
def ticks():
    def pieces():
        for count in range(1, 4):
            if count > 1:
                asked.acquire()
            yield f"tick {count}\n"

    return Response(pieces())


@app.get("/tick")
def tick():
    """Has the answer above go on."""
    asked.release()
    return "", 204


@app.get("/empty")
def empty():
    return "", 204


@app.get("/cached")
def cached():
    return "", 304, {"ETag": '"1"'}


@app.get("/fail")
def fail():
    return "busy", 503


@app.get("/exit")
def leave():
    os._exit(3)


@app.get("/sleep")
def sleep():
    time.sleep(int(request.args["ms"]) / 1000)
    return "slept"


if __name__ == "__main__":
    app.run(host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ["PORT"]))
