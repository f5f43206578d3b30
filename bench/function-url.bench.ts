import { send } from "../test/client.ts";
import { urlOwner } from "../test/lambda-urls.ts";
import { startPlatform } from "../test/platform.ts";
import { askUrl } from "../test/url-client.ts";
import type { Bench } from "./bench.ts";
import { measureBesideInvoke } from "./parts/lanes.ts";

const times = { rounds: 15, callsARound: 500, warmUpCalls: 5000 };
const code = 'exports.handler = async (event) => ({ statusCode: 200, body: "Hello, " + (event.rawPath ?? "you") });';

/** A function URL at one connection beside the same function through Fn's door, which is sent the same event, made by its caller. */
export const bench: Bench = {
  question: "What does a call of a function URL cost beside /invoke of the same function with an event as large?",
  unit: "ms",
  async run() {
    const platform = await startPlatform();
    const owner = await urlOwner(platform);
    try {
      const { port, url } = platform;
      const { host } = new URL(await owner.made("hello", code));
      const { json } = await send("GET", `${url}/kiln/v1/namespaces/guest/apps/_/functions/hello`);
      const event = (await askUrl(`${await owner.made("echo", "exports.handler = async (event) => event;")}a?name=you`)).text;
      const head = `Host: ${host}\r\nAccept: */*\r\n`;
      const body = '{"name":"you"}';
      const post = `POST /a HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const requests = [
        {
          port,
          text: `POST /invoke/${json["id"]} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(event)}\r\n\r\n${event}`,
        },
        { port, text: `GET /a?name=you HTTP/1.1\r\n${head}\r\n` },
        { port, text: post },
      ];
      return await measureBesideInvoke(requests, times, "function URL", 1.4);
    } finally {
      owner.client.destroy();
      await platform.stop();
    }
  },
};
