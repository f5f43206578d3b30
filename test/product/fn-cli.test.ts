/** Fn's own client, or what it sent: test/fixtures/fn/cli/README.md. */
import { join } from "node:path";
import { test } from "node:test";
import { askTourAgain, takeTour, type Tour } from "../client-tour.ts";
import { fnClient, isRecorded } from "../fn-client.ts";
import { Normal } from "../fn-tour.ts";
import { type Platform, startPlatform } from "../platform.ts";

const echo = "exports.handler = async (input) => `echo got ${typeof input === 'string' ? input : JSON.stringify(input)}`;\n";
const throws = "exports.handler = async () => { throw new Error('its own words'); };\n";

const tour: Tour = {
  client: fnClient,
  folder: join(import.meta.dirname, "../fixtures/fn/cli"),
  isRecorded,
  async start() {
    const platform = await startPlatform();
    await platform.deploy({ name: "echo", app: "calls", file: ["index.js", echo] });
    await platform.deploy({ name: "throws", app: "calls", file: ["index.js", throws] });
    return platform;
  },
  normal: async (platform, { url }) => new Normal({ "<url>": url, "<version>": await versionOf(platform) }),
};

test("a tour with Fn's client reads as with Fn's server", { skip: fnClient === "" && "FN_CLI names no client" }, () =>
  takeTour(tour),
);

test("what Fn's client sends is answered as it was", { skip: isRecorded && "it is being recorded" }, () => askTourAgain(tour));

async function versionOf(platform: Platform): Promise<string> {
  const answer = await fetch(`${platform.url}/version`);
  return ((await answer.json()) as { version: string }).version;
}
