import assert from "node:assert/strict";
import { test } from "node:test";
import type { Endpoint } from "../sandbox.ts";
import type { SpawnRequest } from "../spawner/messages.ts";
import { hostView } from "./host-paths.ts";

function view(command: readonly string[], env: Record<string, string> = {}, endpoint: Endpoint = { via: "callback" }) {
  const limits = { memoryMiB: 1, processesMax: 1, openFilesMax: 1, tmpMiB: 1, tmpFilesMax: 1 };
  const request: SpawnRequest = {
    id: "x",
    root: null,
    code: "/host/code",
    runtime: "/host/shim",
    command,
    env,
    endpoint,
    egress: "none",
    platform: null,
    limits,
    folder: "/run/x",
  };
  return hostView(request, endpoint.via === "unix" ? "/run/x/io" : null, "/bin");
}

function check(text: string, expected: string): void {
  assert.equal(view(["program", text]).command[1], expected);
}

test("paths of the sandbox become paths of the host wherever a path begins", () => {
  check("/function", "/host/code");
  check("/function/a.js", "/host/code/a.js");
  check("--file=/function/a", "--file=/host/code/a");
  check("/runtime/x:/function/y", "/host/shim/x:/host/code/y");
  check("import '/function/b'", "import '/host/code/b'");
});

test("what only looks like them stays", () => {
  for (const text of ["/functions/a", "/my/function", "/function.js", "/function-a", "function", "x/runtime"]) check(text, text);
});

test("variables too, and the folder of the end point", () => {
  const endpoint = { via: "unix", folder: "/tmp/iofs", name: "l.sock" } as const;
  const { env } = view(["program"], { LISTENER: "unix:/tmp/iofs/l.sock", CODE: "/function" }, endpoint);
  assert.equal(env["LISTENER"], "unix:/run/x/io/l.sock");
  assert.equal(env["CODE"], "/host/code");
});

test("what the end point needs is set, and node is the one that runs us", () => {
  const { command, env, folder } = view(["node", "/function/a.js"]);
  assert.deepEqual(command, [process.execPath, "/host/code/a.js"]);
  assert.equal(env["KILN_SOCKET"], "/run/x/s.sock");
  assert.equal(env["KILN_CODE"], "/host/code");
  assert.equal(folder, "/host/code");
  assert.equal(view(["x"], {}, { via: "tcp", port: 80 }).env["PORT"], "80");
});
