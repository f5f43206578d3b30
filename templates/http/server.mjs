/** An HTTP server like any other; the platform says with HOST and PORT where to listen. */
import { createServer } from "node:http";

const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify({ message: "Hello world", path: request.url }));
});

server.listen(Number(process.env.PORT ?? 3000), process.env.HOST ?? "127.0.0.1");
