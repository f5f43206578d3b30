/** Images whose entry point is a runtime of Lambda's, in both ways in which images run, and several events at a time in one of them. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { call, linesOf } from "../client.ts";
import { type ImageRegistry, startImageRegistry } from "../image-registry.ts";
import { baseLayer, ImageShelf, type ImagePlatform, nodeAndShell, noWay, startImagePlatform, ways } from "../image-ways.ts";

/** As Lambda's own images begin: under its API a runtime, else an emulator. The first word is the handler. */
const entryPoint = `#!/bin/sh
[ -n "$AWS_LAMBDA_RUNTIME_API" ] || { echo "no runtime API" >&2; exit 142; }
export _HANDLER="$1"
exec node /var/runtime/index.mjs
`;

/** Polls for as many events as it may, and keeps connections. */
const runtime = `
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
const many = Number(process.env.AWS_LAMBDA_MAX_CONCURRENCY ?? 1);
let open = 0, most = 0;
async function poll() {
  for (;;) {
    const next = await fetch(api + "next");
    const id = next.headers.get("lambda-runtime-aws-request-id");
    const event = await next.json();
    most = Math.max(most, ++open);
    console.log("event", event.n);
    await new Promise((resolve) => setTimeout(resolve, event.waitMs ?? 0));
    const result = { n: event.n, most, pid: process.pid, handler: process.env._HANDLER, folder: process.cwd(), root: process.env.LAMBDA_TASK_ROOT };
    open--;
    await (await fetch(api + id + "/response", { method: "POST", body: JSON.stringify(result) })).text();
  }
}
for (let i = 0; i < many; i++) poll();
`;

/** An extension that says what it hears. */
const observer = `#!/bin/node
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2020-01-01/extension/";
const body = JSON.stringify({ events: ["INVOKE", "SHUTDOWN"] });
const registered = await fetch(api + "register", { method: "POST", headers: { "Lambda-Extension-Name": "observer.mjs" }, body });
const headers = { "Lambda-Extension-Identifier": registered.headers.get("lambda-extension-identifier") };
for (;;) {
  const event = await (await fetch(api + "event/next", { headers })).json();
  console.log("observed", event.eventType, event.requestId);
  if (event.eventType === "SHUTDOWN") break;
}
`;

let registry: ImageRegistry;
let image: string;
let observed: string;

before(async () => {
  if (ways.every(noWay)) return;
  registry = await startImageRegistry();
  const shelf = new ImageShelf(registry, baseLayer({ ...nodeAndShell, bash: "/bin/bash" }));
  const files = [
    { name: "lambda-entrypoint.sh", data: entryPoint, mode: 0o755 },
    { name: "var/runtime/index.mjs", data: runtime },
    { name: "var/task/app.txt", data: "app" },
  ];
  const config = { Entrypoint: ["/lambda-entrypoint.sh"], Cmd: ["app.handler"], WorkingDir: "/var/task" };
  image = await shelf.put("lambda", files, config);
  const extension = { name: "opt/extensions/observer.mjs", data: observer, mode: 0o755 };
  observed = await shelf.put("observed", [...files, extension], config);
});

after(() => registry?.stop());

for (const way of ways) {
  describe(`Lambda's Runtime API, images ${way}`, { skip: noWay(way), timeout: 300_000 }, () => {
    let place: ImagePlatform;

    before(async () => {
      place = await startImagePlatform(way);
    });
    after(() => place?.stop());

    async function deployed(name: string, settings: object): Promise<string> {
      const base = `${place.platform.url}/kiln/v1/namespaces/guest/apps/_/functions/${name}`;
      const made = await fetch(base, {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ image, protocol: "runtime-api", memoryMiB: 256, ...settings }),
      });
      assert.ok(made.ok, await made.text());
      return `${base}/invoke`;
    }

    test("its entry point is started as it is, with its command and folder", async () => {
      const url = await deployed("entry", {});
      for (const n of [1, 2, 3]) {
        const { status, json, text, activationId } = await call(url, { n });
        assert.equal(status, 200, text);
        const { pid: _, ...told } = json;
        assert.deepEqual(told, { n, most: 1, handler: "app.handler", folder: "/var/task", root: "/var/task" });
        assert.deepEqual(await linesOf(place.platform.url, activationId, 1), [`stdout event ${n}`]);
      }
    });

    test("several events at a time, as many as the function allows", async () => {
      const url = await deployed("many", { concurrency: 4 });
      await call(url, { n: 0 });
      const answers = await Promise.all([1, 2, 3, 4].map((n) => call(url, { n, waitMs: 500 })));
      assert.deepEqual(
        answers.map(({ json }) => json["n"]),
        [1, 2, 3, 4],
      );
      assert.ok(answers.some(({ json }) => Number(json["most"]) > 1));
    });

    // Of the others only Docker knows what is in them.
    if (way === "unpacked")
      test("what is in /opt/extensions runs beside it", async () => {
        const url = await deployed("observed", { image: observed });
        for (const n of [1, 2]) {
          const { status, text, activationId } = await call(url, { n, waitMs: 300 });
          assert.equal(status, 200, text);
          const lines = await linesOf(place.platform.url, activationId, 2);
          assert.ok(lines.includes(`stdout event ${n}`), lines.join());
          assert.ok(
            lines.some((line) => line.startsWith("stdout observed INVOKE")),
            lines.join(),
          );
        }
      });
  });
}
