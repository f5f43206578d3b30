/** Our own API without a server: its door over stores in memory. */
import { createHash } from "node:crypto";
import { afterEach } from "node:test";
import { quotas } from "./quotas.ts";
import { createIdentifier } from "../src/auth/identify.ts";
import { firstStart, makeKey } from "../src/auth/keys.ts";
import { Alarms } from "../src/events/alarms/alarms.ts";
import type { Events } from "../src/events/events.ts";
import { createFramework } from "../src/http/framework.ts";
import type { KindSummary } from "../src/image/image.ts";
import type { Invoker, InvokeRequest, InvokeResult } from "../src/invocation/invocation.ts";
import { bytesBody, readBody } from "../src/lib/body.ts";
import { realWorld } from "../src/lib/world.ts";
import { Admission } from "../src/metering/admit.ts";
import { PlatformError } from "../src/model/error.ts";
import type { Activation, Fn, LogLine } from "../src/model/model.ts";
import { memoryStore } from "../src/store/memory/store.ts";
import { Metrics } from "../src/telemetry/metrics.ts";
import { type Change, type KilnParts, registerKiln } from "../src/api/kiln/kiln.ts";

/** Ends what the tests of a file have opened, the last first, after each of them. */
export const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const kinds: readonly KindSummary[] = [
  { name: "nodejs:24", aliases: [], default: true, protocols: ["frames", "http-stream", "http-port"], description: "Node" },
  { name: "go:1", aliases: [], default: true, protocols: ["stdio", "http-port"], description: "Go" },
];

const noEvents: Events = { fire: async () => ({ activationId: null }), changed() {} };

/** Our own door over stores in memory, until the end of the test; `send` goes through the framework without a socket. */
export async function openKiln(
  options: { loopback?: boolean; accept?: Invoker["accept"] } & Pick<KilnParts, "provisioned" | "provisionRefusal"> = {},
) {
  const world = realWorld();
  const store = memoryStore();
  const credential = (await firstStart(store, world)) as string;
  await store.namespaces.create({ id: world.newId(), name: "other", createdAt: world.now() });
  const otherKey = makeKey("other", world.now());
  await store.keys.create(otherKey.key);

  const logs = new Map<string, LogLine[]>();
  const digests = new Set<string>();
  const changes: Change[] = [];
  const calls: InvokeRequest[] = [];
  const parts: KilnParts = {
    world,
    store,
    logs: {
      read: async (namespace, id) => logs.get(`${namespace}/${id}`) ?? [],
      list: async () => ({ items: [], next: null }),
      flush: async () => {},
      tail: { open: () => () => {} },
    },
    metrics: new Metrics({ appName: async () => undefined }),
    health: { ready: async () => ({ ready: true, checks: [] }) },
    images: {
      async addCode({ bytes, fileName }) {
        if (bytes.includes("broken")) throw new PlatformError("invalid", "The archive is broken");
        const digest = createHash("sha256").update(`${fileName}\0`).update(bytes).digest("hex");
        digests.add(digest);
        return { digest, bytes: bytes.length, files: 1 };
      },
      findCode: async (digest) => (digests.has(digest) ? { digest, bytes: 1, files: 1 } : null),
      kinds: {
        list: () => kinds,
        resolve(name) {
          const found = kinds.find((kind) => kind.name === name || name === `${kind.name.split(":")[0]}:default`);
          if (found === undefined) throw new PlatformError("invalid", `kind ${name} does not exist`);
          return found.name;
        },
      },
    },
    invoker: {
      invoke: (call) => echo(call, calls),
      begin: (call, _signal, caller) => void echo(call, calls).then((result) => caller.told(result)),
      ...(options.accept && { accept: options.accept }),
    },
    identifier: createIdentifier({ keys: store.keys, world }),
    quotas: new Admission(quotas(3), world),
    namespaceLimits: { waiting: 2, queued: 1 },
    alarms: new Alarms({ world, store, events: noEvents, warn: () => {} }),
    changed: (change) => changes.push(change),
    ...(options.provisioned && { provisioned: options.provisioned }),
    ...(options.provisionRefusal && { provisionRefusal: options.provisionRefusal }),
    version: "1.2.3",
  };
  const framework = createFramework({ world, injectedLoopback: options.loopback ?? true });
  const routes = registerKiln(framework, parts);
  // Fn's door serves whatever no other door does.
  framework.mount("", (_request, response) => response.send(418, [], "another door"));
  await framework.app.ready();
  ends.push(() => framework.app.close());

  const send = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const raw = typeof body === "string" || Buffer.isBuffer(body) || body === undefined;
    const payload = raw ? (body as string | Buffer | undefined) : JSON.stringify(body);
    const answer = await framework.app.inject({
      method: method as "GET",
      url: path.startsWith("/kiln") ? path : `/kiln/v1/namespaces/guest${path}`,
      headers: { ...(raw ? {} : { "content-type": "application/json" }), ...headers },
      ...(payload !== undefined && { payload }),
    });
    const text = answer.body;
    return {
      status: answer.statusCode,
      headers: answer.headers,
      text,
      json: text.startsWith("{") ? JSON.parse(text) : undefined,
    };
  };
  return { world, store, logs, changes, calls, send, framework, routes, credential, otherCredential: otherKey.credential };
}

/** Answers with the body it got; the body says what else to do. */
async function echo(call: InvokeRequest, calls: InvokeRequest[]): Promise<InvokeResult> {
  calls.push(call);
  const body = await readBody(call.body, 1e6, () => new Error("large"));
  const activationId = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
  const recorded = new Promise<Activation>(() => {});
  const code = /^fail:(\w+)$/.exec(body.toString())?.[1];
  if (code !== undefined)
    return { ok: false, activationId, fn: null, error: new PlatformError(code as "timeout", "It failed"), recorded };
  const headers = ["Content-Type", "text/x-echo", "Connection", "close", "X-Mine", "1"];
  return { ok: true, activationId, fn: {} as Fn, status: 201, headers, body: bytesBody(body), recorded };
}
