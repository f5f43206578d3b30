import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { PlatformError } from "../model/error.ts";
import type { Config } from "./config.ts";
import { loadConfig, settings } from "./load.ts";
import { parseListen } from "./values.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-config-"));
after(() => rmSync(folder, { recursive: true }));

/** Configuration from these sources alone, whatever the environment of the test is. */
function load(from: { flags?: Record<string, string>; env?: Record<string, string>; file?: unknown }): Config {
  const before = process.env;
  const ours = Object.keys(before).filter((name) => /^(POLYKILN|FN|XDG)_/.test(name));
  process.env = { ...before, ...Object.fromEntries(ours.map((name) => [name, ""])), ...from.env };
  try {
    return loadConfig(from.flags ?? {}, from.file === undefined ? undefined : fileWith(from.file));
  } finally {
    process.env = before;
  }
}

function fileWith(document: unknown): string {
  const file = join(folder, "config.json");
  writeFileSync(file, typeof document === "string" ? document : JSON.stringify(document));
  return file;
}

function refused(from: Parameters<typeof load>[0], message: RegExp): void {
  assert.throws(
    () => load(from),
    (error) => error instanceof PlatformError && error.code === "invalid" && message.test(error.message),
    String(message),
  );
}

describe("where a value comes from", () => {
  test("defaults, then the file, then the environment, then the flag", () => {
    const file = { drainMs: 1, waitMsMax: 1, startsMax: 1 };
    const env = { POLYKILN_WAIT_MS_MAX: "2", POLYKILN_STARTS_MAX: "2" };
    const config = load({ file, env, flags: { startsMax: "3" } });
    assert.deepEqual(
      [config.drainMs, config.waitMsMax, config.startsMax, config.startTimeoutMs],
      [1, 2, 3, settings({}).startTimeoutMs.default],
    );
  });

  test("our own variable is stronger than the one inherited from Fn", () => {
    assert.equal(load({ env: { FN_LOG_LEVEL: "error" } }).logLevel, "error");
    assert.equal(load({ env: { FN_LOG_LEVEL: "error", POLYKILN_LOG_LEVEL: "debug" } }).logLevel, "debug");
  });

  test("an empty variable says nothing", () => {
    assert.equal(load({ env: { POLYKILN_LISTEN: "" } }).listen, "127.0.0.1:8080");
  });

  test("folders follow XDG, and else the home folder", () => {
    const { data, cache } = load({ env: { XDG_DATA_HOME: "/d", XDG_CACHE_HOME: "/c" } });
    assert.deepEqual([data, cache], ["/d/polykiln", "/c/polykiln"]);
    assert.equal(load({}).data, join(homedir(), ".local/share/polykiln"));
  });

  test("a folder is told to other processes by its full path", () => {
    const { data, cache } = load({ flags: { data: "./d" }, env: { POLYKILN_CACHE: "c/../e" } });
    assert.deepEqual([data, cache], [join(process.cwd(), "d"), join(process.cwd(), "e")]);
  });

  test("the result is frozen", () => {
    assert.ok(Object.isFrozen(load({})));
  });
});

describe("what is wrong is named with where it came from", () => {
  test("a flag, a variable, a line of the file", () => {
    refused({ flags: { drainMs: "soon" } }, /^--drain-ms: "soon" is not a whole number from 0 to 3600000\. Time that running/);
    refused({ env: { POLYKILN_SANDBOX: "docker" } }, /^POLYKILN_SANDBOX: "docker" is none of bubblewrap, process/);
    refused({ env: { FN_HOT_START_TIMEOUT_MSECS: "-1" } }, /^FN_HOT_START_TIMEOUT_MSECS: "-1" is not/);
    refused({ file: { startsMax: 0 } }, /^startsMax in .*config\.json: "0" is not a whole number from 1/);
  });

  test("numbers are whole and in decimal", () => {
    for (const text of ["1.5", "1e3", "0x10", " 5", "", "99999999999999999999"])
      refused({ flags: { memoryMiB: text } }, /--memory-mib/);
  });

  test("folders and URLs", () => {
    refused({ flags: { data: "" } }, /^--data: "" is not the name of a folder/);
    refused({ flags: { publicUrl: "example.com" } }, /^--public-url: "example\.com" is not a URL that begins with http/);
    assert.equal(load({ flags: { publicUrl: "https://example.com/x" } }).publicUrl, "https://example.com/x");
  });

  test("the file", () => {
    refused({ file: "{" }, /^Configuration file .*config\.json: /);
    refused({ file: [] }, /is not a JSON object/);
    refused({ file: { lisen: ":1" } }, /has an unknown setting "lisen"/);
    refused({ file: { constructor: "x" } }, /has an unknown setting "constructor"/);
    refused({ file: { data: null } }, /has neither text nor a number as "data"/);
    refused({ file: { drainMs: [5] } }, /has neither text nor a number as "drainMs"/);
    assert.throws(() => loadConfig({}, join(folder, "missing.json")), /Configuration file .*missing\.json: ENOENT/);
  });
});

describe("--listen", () => {
  test("HOST:PORT in its forms", () => {
    assert.deepEqual(parseListen("0.0.0.0:80"), { host: "0.0.0.0", port: 80 });
    assert.deepEqual(parseListen(":0"), { host: "127.0.0.1", port: 0 });
    assert.deepEqual(parseListen("[::1]:65535"), { host: "::1", port: 65_535 });
    assert.deepEqual(parseListen("localhost:8080"), { host: "localhost", port: 8080 });
  });

  test("anything else is refused with an example", () => {
    for (const text of ["", "8080", "localhost", "a:b", "::1:80", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3.4:80/x"]) {
      assert.throws(() => parseListen(text), /is not HOST:PORT, such as 127\.0\.0\.1:8080/);
    }
  });
});
