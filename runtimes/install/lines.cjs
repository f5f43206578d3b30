"use strict";
/** A proxy on the sandbox's own loopback whose connections are made by the platform, which decides where to. */
const { createServer, request } = require("node:http");

/** Its URL. `takeLine` gives connections to the platform; it is told HOST:PORT, and answers `ok` or why not. */
exports.openProxy = function openProxy(takeLine, firstLine) {
  const server = createServer((incoming, outgoing) => forward(incoming, outgoing, takeLine, firstLine));
  server.on("connect", (incoming, client, head) => {
    client.on("error", () => client.destroy());
    reach(incoming.url, takeLine, firstLine).then(
      (line) => {
        client.write("HTTP/1.1 200 Connected\r\n\r\n");
        if (head.length > 0) line.write(head);
        join(client, line);
      },
      (error) => client.end(refusal(error)),
    );
  });
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
};

async function reach(address, takeLine, firstLine) {
  const line = await takeLine();
  const answer = new Promise((resolve, reject) => {
    firstLine(line, resolve);
    line.once("close", () => reject(new Error("502 the platform closed the connection")));
  });
  line.write(`${address}\n`);
  const said = await answer;
  if (said === "ok") return line;
  line.destroy();
  throw new Error(said);
}

function join(client, line) {
  client.pipe(line);
  line.pipe(client);
  client.once("close", () => line.destroy());
  line.once("close", () => client.destroy());
}

/** A request for a registry without TLS. */
function forward(incoming, outgoing, takeLine, firstLine) {
  const url = URL.canParse(incoming.url) ? new URL(incoming.url) : null;
  if (url === null || url.protocol !== "http:") return void outgoing.writeHead(400).end();
  reach(`${url.hostname}:${url.port || 80}`, takeLine, firstLine).then(
    (line) => {
      const { method, headers } = incoming;
      const options = { method, headers: { ...headers, connection: "close" }, path: url.pathname + url.search };
      const asked = request({ ...options, createConnection: () => line }, (answer) => {
        outgoing.writeHead(answer.statusCode, answer.headers);
        answer.pipe(outgoing);
      });
      asked.on("error", () => outgoing.destroy());
      outgoing.once("close", () => line.destroy());
      incoming.pipe(asked);
    },
    (error) => outgoing.writeHead(statusOf(error), { "content-length": 0 }).end(),
  );
}

const statusOf = ({ message }) => Number(message.slice(0, 3)) || 502;

function refusal(error) {
  return `HTTP/1.1 ${statusOf(error)} ${error.message.slice(4).replace(/[^\x20-\x7e]/g, " ")}\r\nContent-Length: 0\r\n\r\n`;
}
