import { send } from "../test/client.ts";
import { type Platform, startPlatform } from "../test/platform.ts";
import type { Bench } from "./bench.ts";
import { measureBesideInvoke, postEmpty } from "./parts/lanes.ts";

const times = { rounds: 15, callsARound: 500, warmUpCalls: 5000 };

/** A web action at one connection beside the same function through Fn's door, which reads nothing of its body. */
export const bench: Bench = {
  question: "What does a call of a web action cost beside /invoke of the same function?",
  unit: "ms",
  async run() {
    const platform = await startPlatform();
    try {
      const { port } = platform;
      const id = await makeAction(platform);
      const web = "/api/v1/web/guest/default/hello";
      const get = { port, text: `GET ${web}?name=you HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n\r\n` };
      const requests = [postEmpty(port, `/invoke/${id}`), get, postEmpty(port, `${web}.json`)];
      return await measureBesideInvoke(requests, times, "web action", 1.2);
    } finally {
      await platform.stop();
    }
  },
};

/** Its id in Fn's door. */
async function makeAction({ url, auth }: Platform): Promise<string> {
  const headers = { authorization: `Basic ${btoa(auth)}`, "content-type": "application/json" };
  const body = {
    exec: { kind: "nodejs:default", code: 'function main({ name = "you" }) { return { body: "Hello, " + name }; }' },
    annotations: [{ key: "web-export", value: true }],
  };
  const made = await send("PUT", `${url}/api/v1/namespaces/_/actions/hello`, JSON.stringify(body), headers);
  if (made.status !== 200) throw new Error(`The action was refused: ${made.text}`);
  const { json } = await send("GET", `${url}/kiln/v1/namespaces/guest/apps/_/functions/hello`, undefined, headers);
  return String(json["id"]);
}
