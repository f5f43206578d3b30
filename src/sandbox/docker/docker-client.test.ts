import assert from "node:assert/strict";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { realWorld } from "../../lib/world.ts";
import type { PlatformError } from "../../model/error.ts";
import { addressText, parseDockerHost } from "./address.ts";
import { DockerEngine } from "./engine.ts";
import { EngineError, isAway, isMissing, isRefused } from "./engine-error.ts";

const folder = mkdtempSync(join(tmpdir(), "docker-client-"));
chmodSync(folder, 0o755);
after(() => rmSync(folder, { recursive: true }));

test("addresses as DOCKER_HOST has them", () => {
  check("", "unix:///var/run/docker.sock");
  check("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock");
  check("tcp://localhost", "tcp://localhost:2375");
  check("tcp://[::1]:99", "tcp://::1:99");
  for (const bad of [
    "ssh://somewhere",
    "unix://relative",
    "/var/run/docker.sock",
    "tcp://",
    "tcp://host/path",
    "npipe:////./pipe/x",
  ]) {
    assert.throws(
      () => parseDockerHost(bad),
      (error: PlatformError) => error.code === "invalid" && error.message.includes("unix:///PATH"),
    );
  }
});

test("ways that are not spoken are told with what to do", () => {
  for (const [host, what] of [
    ["ssh://me@somewhere", "over ssh"],
    ["https://somewhere:2376", "with TLS"],
  ] as const) {
    assert.throws(
      () => parseDockerHost(host),
      new RegExp(`not spoken to ${what}.*run the server on Docker's machine.*unix:///PATH`),
    );
  }
});

describe("an engine that is not there is told with its fix", () => {
  test("no socket", async () =>
    assert.match(await reason(`unix://${folder}/none`), /there is no socket.*apt-get install docker\.io.*DOCKER_HOST/));

  test("nobody listens", async () => {
    writeFileSync(`${folder}/file`, "");
    assert.match(await reason(`unix://${folder}/file`), /nobody listens.*Start Docker/);
  });

  test("not for this user", { skip: process.getuid?.() === 0 ? undefined : "only root can become somebody else" }, async () => {
    const server = createServer().listen(`${folder}/closed`);
    await once(server, "listening");
    chmodSync(`${folder}/closed`, 0o600);
    process.seteuid?.(65_534);
    try {
      assert.match(await reason(`unix://${folder}/closed`), /may not use.*group docker/);
    } finally {
      process.seteuid?.(0);
      server.close();
    }
  });

  test("it wants TLS", async () => {
    const host = await serve("tls", (_request, response) => {
      response.statusCode = 400;
      response.end("Client sent an HTTP request to an HTTPS server.\n");
    });
    assert.match(await reason(host), /wants TLS.*run the server on Docker's machine.*unix:/);
  });

  test("it breaks off", async () => {
    const host = await serve("breaks", (request) => void request.socket.destroy());
    assert.match(await reason(host), /broke off.*start it again/);
  });
});

test("the newest version that both speak is taken, and one that is too old refused", async () => {
  assert.deepEqual(await spoken("1.41"), ["/_ping", "/v1.41/info"]);
  assert.deepEqual(await spoken("1.44"), ["/_ping", "/v1.44/info"]);
  assert.deepEqual(await spoken("1.99"), ["/_ping", "/v1.47/info"]);
  await assert.rejects(
    spoken("1.40"),
    (error: PlatformError) => error.code === "unsupported" && /1\.40.*1\.41 is needed/.test(error.message),
  );
});

test("what an engine says of a failure stays out of the message, and its status is known", async () => {
  const host = await serve("fails", (request, response) => {
    if (request.url === "/_ping") return void response.setHeader("Api-Version", "1.41").end("OK");
    response.statusCode = request.url?.includes("image") === true ? 404 : 409;
    response.end('{"message":"error at /secret/folder"}');
  });
  const engine = new DockerEngine(parseDockerHost(host), realWorld());
  await assert.rejects(engine.image("x"), (error) => failed(error) && isMissing(error));
  await assert.rejects(engine.start("x"), (error) => failed(error) && isRefused(error));
});

/** A server at a socket of this name; its address. */
async function serve(name: string, answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer).listen(`${folder}/${name}`);
  await once(server, "listening");
  after(() => server.close());
  return `unix://${folder}/${name}`;
}

function check(text: string, expected: string): void {
  assert.equal(addressText(parseDockerHost(text)), expected);
}

/** Why an engine at this address cannot be asked. */
async function reason(host: string): Promise<string> {
  const error = await new DockerEngine(parseDockerHost(host), realWorld()).info().catch((thrown: unknown) => thrown);
  assert.ok(error instanceof EngineError && isAway(error) && error.code === "internal");
  return error.reason;
}

/** What is asked of an engine that offers this version. */
async function spoken(offered: string): Promise<readonly string[]> {
  const paths: string[] = [];
  const host = await serve(`version-${offered}`, (request, response) => {
    paths.push(request.url ?? "");
    response.setHeader("Api-Version", offered).end("{}");
  });
  await new DockerEngine(parseDockerHost(host), realWorld()).info();
  return paths;
}

function failed(error: unknown): error is EngineError {
  return error instanceof EngineError && !error.message.includes("secret") && error.reason.includes("secret");
}
