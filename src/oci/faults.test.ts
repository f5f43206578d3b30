/** Registries that are broken, slow or no registries at all: real servers on loopback that answer as a test says. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { makeTar } from "../../test/archives.ts";
import { makeImage, type TestImage, testRegistry } from "../../test/images.ts";
import { realWorld } from "../lib/world.ts";
import type { PlatformError } from "../model/error.ts";
import { checkedLookup } from "./addresses.ts";
import { digestOf } from "./digest.ts";
import { mediaTypes, type Registry, type RegistrySettings } from "./oci.ts";
import { parseReference } from "./reference.ts";
import { createRegistry } from "./registry.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const never = new AbortController().signal;
const amd64 = { os: "linux", architecture: "amd64" };

async function withServer(
  handler: Handler,
  work: (host: string, registry: Registry) => Promise<void>,
  settings: Partial<RegistrySettings> = {},
) {
  const server: Server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry = createRegistry({ ...testRegistry, stallMs: 300, ...settings }, realWorld());
  try {
    await work(host, registry);
  } finally {
    registry.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const bytes = Buffer.from("0123456789".repeat(1000));
const blob = { digest: digestOf(bytes), size: bytes.length };

async function pull(registry: Registry, host: string, wanted = blob): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of registry.blob(parseReference(`${host}/a/b`), wanted, never)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A blob with all that is known of ranges; `sends`: how much of the rest each request gets before the connection ends. */
function brokenBlob(sends: readonly number[], { ranges = true, stalls = false } = {}) {
  const asked: string[] = [];
  const handler: Handler = (request, response) => {
    if (request.url === "/v2/") return void response.end();
    const start = ranges ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0) : 0;
    asked.push(request.headers.range ?? "all");
    const count = sends[asked.length - 1] ?? bytes.length;
    const isPart = ranges && request.headers.range !== undefined;
    const range = isPart ? { "content-range": `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { "content-length": bytes.length - start, ...range });
    const rest = bytes.subarray(start, start + count);
    if (start + count >= bytes.length) response.end(rest);
    else response.write(rest, () => (stalls ? undefined : setImmediate(() => response.destroy())));
  };
  return { handler, asked };
}

test("a transfer that breaks off goes on where it was", async () => {
  const { handler, asked } = brokenBlob([4000, 3000]);
  await withServer(handler, async (host, registry) => {
    assert.deepEqual(await pull(registry, host), bytes);
    assert.deepEqual(asked, ["all", "bytes=4000-", "bytes=7000-"]);
  });
});

test("a registry that knows no ranges is read again from the beginning", async () => {
  const { handler, asked } = brokenBlob([4000], { ranges: false });
  await withServer(handler, async (host, registry) => {
    assert.deepEqual(await pull(registry, host), bytes);
    assert.equal(asked.length, 2);
  });
});

test("a transfer that stalls is begun again, and given up when nothing ever comes", async () => {
  const { handler, asked } = brokenBlob([4000], { stalls: true });
  await withServer(handler, async (host, registry) => {
    assert.deepEqual(await pull(registry, host), bytes);
    assert.deepEqual(asked, ["all", "bytes=4000-"]);
  });
  const silent = brokenBlob([0, 0, 0, 0, 0, 0], { stalls: true });
  await withServer(silent.handler, async (host, registry) => {
    await assert.rejects(pull(registry, host), /nothing came from 127\.0\.0\.1:\d+ for 0\.3 s/);
    assert.equal(silent.asked.length, 4);
  });
});

test("bytes that are not what they were to be are refused", async () => {
  const other = Buffer.from(bytes).fill("x", 0, 1);
  const answers: [answer: Buffer, message: RegExp][] = [
    [other, /sent another blob than it was asked for: sha256:/],
    [Buffer.concat([bytes, Buffer.from("more")]), /more than the 10000 bytes/],
  ];
  for (const [answer, message] of answers) {
    await withServer(
      (request, response) => void response.end(request.url === "/v2/" ? "" : answer),
      async (host, registry) => {
        await assert.rejects(
          pull(registry, host),
          (error: PlatformError) => error.code === "registry_failed" && message.test(error.message),
        );
      },
    );
  }
});

/** Serves images by digest and `latest`, and an index where there is one. */
function serving(image: TestImage, latest: { bytes: Buffer; type: string }): Handler {
  return (request, response) => {
    const name = request.url?.split("/").at(-1) ?? "";
    const found = image.blobs.find(({ digest }) => digest === name);
    if (name === "latest") response.writeHead(200, { "content-type": latest.type }).end(latest.bytes);
    else if (name === image.digest) response.writeHead(200, { "content-type": image.mediaType }).end(image.manifest);
    else if (found !== undefined) response.end(found.bytes);
    else response.writeHead(name === "" ? 200 : 404).end();
  };
}

test("of an index the platform's image is taken, and it is said which others there are", async () => {
  const image = makeImage([makeTar([{ name: "a" }])], { Cmd: ["a"] }, { docker: true });
  const entry = (architecture: string) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.manifest.length,
    platform: { os: "linux", architecture },
  });
  for (const type of [mediaTypes.index, mediaTypes.dockerList]) {
    const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests: [entry("s390x"), entry("amd64")] }));
    await withServer(serving(image, { bytes: index, type }), async (host, registry) => {
      const reference = parseReference(`${host}/a/b`);
      assert.equal((await registry.resolve(reference, amd64, never)).digest, image.digest);
      await assert.rejects(
        registry.resolve(reference, { os: "linux", architecture: "arm64" }, never),
        /not there for linux\/arm64, only for linux\/s390x, linux\/amd64/,
      );
    });
  }
});

test("manifests that are none are refused", async () => {
  const image = makeImage([], {});
  const { config } = JSON.parse(image.manifest.toString()) as { config: object };
  const index = { schemaVersion: 2, manifests: [] };
  const documents: [document: unknown, message: RegExp][] = [
    ["text", /no JSON/],
    [{ schemaVersion: 1, fsLayers: [] }, /not of version 2/],
    [{ schemaVersion: 2, config }, /no configuration or no layers/],
    [
      { schemaVersion: 2, config, layers: [{ digest: "sha256:../../etc", size: 1, mediaType: "x" }] },
      /no configuration or no layers/,
    ],
    [{ schemaVersion: 2, config: { ...config, size: 1e12 }, layers: [] }, /configuration is over/],
    [{ schemaVersion: 2, config, layers: [{ ...config, size: 1 }] }, /1 layers and its configuration 0/],
    [index, /only for nothing/],
    ["x".repeat(5_000_000), /more than 4194304 bytes/],
  ];
  for (const [document, message] of documents) {
    const text = typeof document === "string" ? document : JSON.stringify(document);
    await withServer(serving(image, { bytes: Buffer.from(text), type: mediaTypes.manifest }), async (host, registry) => {
      await assert.rejects(registry.resolve(parseReference(`${host}/a/b`), amd64, never), message);
    });
  }
});

test("an index that names itself comes to an end", async () => {
  const inner = { mediaType: mediaTypes.index, digest: `sha256:${"0".repeat(64)}`, size: 1, platform: amd64 };
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [inner] }));
  await withServer(
    (_request, response) => void response.writeHead(200, { "content-type": mediaTypes.index }).end(index),
    async (host, registry) => {
      await assert.rejects(registry.resolve(parseReference(`${host}/a/b`), amd64, never), /another manifest|without end/);
    },
  );
});

test("a token is asked for where the registry says, for what is wanted, and used again", async () => {
  const image = makeImage([], { Cmd: ["a"] });
  const asked: string[] = [];
  let host = "";
  const serve = serving(image, { bytes: image.manifest, type: image.mediaType });
  const handler: Handler = (request, response) => {
    if (request.url?.startsWith("/token?")) {
      asked.push(new URL(request.url, "http://x").search);
      response.end(JSON.stringify({ token: "t0ken" }));
    } else if (request.url !== "/v2/" && request.headers.authorization !== "Bearer t0ken") {
      response
        .writeHead(401, { "www-authenticate": `Bearer realm="http://${host}/token",service="the \\"one\\"",scope="ignored"` })
        .end();
    } else serve(request, response);
  };
  await withServer(handler, async (name, registry) => {
    host = name;
    await registry.resolve(parseReference(`${host}/a/b`), amd64, never);
    await registry.resolve(parseReference(`${host}/a/b`), amd64, never);
  });
  assert.deepEqual(asked, ["?service=the+%22one%22&scope=repository%3Aa%2Fb%3Apull"]);
});

test("who a registry refers to is shown no credentials", async () => {
  const seen: (string | undefined)[] = [];
  const elsewhere: Handler = (request, response) => {
    seen.push(request.headers.authorization);
    response.end(bytes);
  };
  await withServer(elsewhere, async (other) => {
    const handler: Handler = (request, response) => {
      if (request.url === "/v2/") response.end();
      else if (request.headers.authorization === undefined)
        response.writeHead(401, { "www-authenticate": "Basic realm=x" }).end();
      else response.writeHead(307, { location: `http://${other}/blob` }).end();
    };
    await withServer(handler, async (host) => {
      const credentials = writeCredentials(host);
      const registry = createRegistry({ ...testRegistry, credentialsFile: credentials.file }, realWorld());
      assert.deepEqual(await pull(registry, host), bytes);
      registry.close();
      credentials.remove();
    });
  });
  assert.deepEqual(seen, [undefined]);
});

function writeCredentials(host: string): { readonly file: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), "credentials-"));
  const file = join(folder, "config.json");
  const auth = Buffer.from("ada:secret").toString("base64");
  writeFileSync(file, JSON.stringify({ auths: { [`https://${host}/v1/`]: { auth } } }));
  return { file, remove: () => rmSync(folder, { recursive: true }) };
}

test("what a registry says of its refusal is passed on, on one line", async () => {
  const body = JSON.stringify({ errors: [{ code: "DENIED", message: "not\nfor you\u001b[31m" }] });
  await withServer(
    (request, response) => void response.writeHead(request.url === "/v2/" ? 200 : 403).end(body),
    async (host, registry) => {
      await assert.rejects(registry.resolve(parseReference(`${host}/a/b`), amd64, never), (error: PlatformError) => {
        assert.equal(error.message, "denied: not\\nfor you\\u001b[31m (the registry answered 403)");
        return error.details["status"] === 403;
      });
    },
  );
});

test("a pull ends when nobody wants it any more", async () => {
  const stop = new AbortController();
  const { handler } = brokenBlob([100], { stalls: true });
  await withServer(
    handler,
    async (host, registry) => {
      const pieces = registry.blob(parseReference(`${host}/a/b`), blob, stop.signal)[Symbol.asyncIterator]();
      await pieces.next();
      const next = pieces.next();
      stop.abort(new Error("enough"));
      await assert.rejects(next, /enough/);
    },
    { stallMs: 60_000 },
  );
});

test("a pull that is given up takes along no other one that waits for the same registry", async () => {
  const asked = Promise.withResolvers<void>();
  // It neither greets nor refuses: whoever comes first waits to hear whether it speaks TLS.
  const silent = createTcpServer((socket) => {
    // It is read, so that its end is noticed.
    socket.on("error", () => {}).resume();
    asked.resolve();
  });
  await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  const reference = parseReference(`127.0.0.1:${(silent.address() as AddressInfo).port}/a/b`);
  const registry = createRegistry({ ...testRegistry, stallMs: 500 }, realWorld());
  const first = new AbortController();
  try {
    const given = assert.rejects(registry.resolve(reference, amd64, first.signal), /^Error: given up$/);
    const other = assert.rejects(registry.resolve(reference, amd64, never), /nothing came from 127\.0\.0\.1:\d+ for 0\.5 s/);
    await asked.promise;
    first.abort(new Error("given up"));
    await Promise.all([given, other]);
  } finally {
    registry.close();
    await new Promise((resolve) => silent.close(resolve));
  }
});

test("a reference to what is no address is the registry's fault", async () => {
  await withServer(refersToNothing, async (host, registry) => {
    await assert.rejects(pull(registry, host), /^PlatformError: the registry refers to what is no address$/);
  });
});

function refersToNothing({ url }: IncomingMessage, response: ServerResponse): void {
  if (url === "/v2/") response.end();
  else response.writeHead(307, { location: "http://[" }).end();
}

test("nobody reads through us what a machine is told of itself", async () => {
  const refused = /has an address that no registry has/;
  const registry = createRegistry({ ...testRegistry, plainHosts: ["169.254.169.254", "[fe80::1]"] }, realWorld());
  for (const host of ["169.254.169.254", "169.254.169.254:80", "[fe80::1]:80", "100.100.100.200"]) {
    await assert.rejects(
      pull(registry, host),
      (error: PlatformError) => refused.test(error.message) && error.details["status"] === 403,
    );
  }
  registry.close();
  const found = await new Promise((resolve) => checkedLookup("::ffff:169.254.169.254", { all: true }, resolve));
  assert.match((found as Error).message, refused);
  let asked = 0;
  const referring: Handler = (request, response) => {
    if (request.url === "/v2/") return void response.end();
    asked++;
    response.writeHead(307, { location: "http://169.254.169.254/latest/meta-data/" }).end();
  };
  await withServer(referring, async (host, each) => {
    await assert.rejects(pull(each, host), refused);
  });
  assert.equal(asked, 1, "it is not tried again");
});
