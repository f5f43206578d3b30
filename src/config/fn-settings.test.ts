import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { PlatformError } from "../model/error.ts";
import type { Config } from "./config.ts";
import { loadConfig, settings } from "./load.ts";
import { fnSetting, fnSettings, meaninglessVariables } from "./fn-settings.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-fn-settings-"));
after(() => rmSync(folder, { recursive: true }));

/** Configuration from these variables alone. */
function load(env: Readonly<Record<string, string>>): Config {
  const before = process.env;
  const kept = Object.entries(before).filter(([name]) => !/^(POLYKILN|FN)_/.test(name));
  process.env = { ...Object.fromEntries(kept), ...env };
  try {
    return loadConfig({});
  } finally {
    process.env = before;
  }
}

function check(name: string, value: string, setting: keyof Config, expected: unknown): void {
  assert.deepEqual(load({ [name]: value })[setting], expected, `${name}=${value}`);
}

test("the table and the settings name the same variables", () => {
  const inSettings = Object.entries(settings({})).flatMap(([setting, { env }]) =>
    env.filter((name) => name.startsWith("FN_")).map((name) => `${name} ${setting}`),
  );
  const inTable = Object.entries(fnSettings).flatMap(([name, row]) =>
    row.setting === null
      ? []
      : [row.setting, ...(row.also === undefined ? [] : [row.also])].map((setting) => `${name} ${setting}`),
  );
  assert.deepEqual(inTable.toSorted(), inSettings.toSorted());
});

test("values mean what they mean to Fn", () => {
  check("FN_PORT", "9000", "listen", "127.0.0.1:9000");
  check("FN_LOG_LEVEL", "WARNING", "logLevel", "warn");
  check("FN_LOG_LEVEL", "fatal", "logLevel", "error");
  check("FN_FREEZE_IDLE_MSECS", "-1", "freezeAfterMs", 0);
  check("FN_FREEZE_IDLE_MSECS", "0", "freezeAfterMs", 1);
  check("FN_FREEZE_IDLE_MSECS", "50", "freezeAfterMs", 50);
  check("FN_MAX_TOTAL_MEMORY_BYTES", String(512 * 1024 * 1024), "memoryMiB", 512);
  check("FN_MAX_TOTAL_MEMORY_BYTES", "0", "memoryMiB", settings({}).memoryMiB.default);
  check("FN_MAX_REQUEST_SIZE", "0", "requestBytesMax", 32 * 1024 * 1024);
  check("FN_MAX_REQUEST_SIZE", "1000", "requestBytesMax", 1000);
  check("FN_MAX_REQUEST_SIZE", String(1024 ** 3), "requestBytesMax", 32 * 1024 * 1024);
  check("FN_MAX_PIDS", "50", "processesMax", 50);
  check("FN_MAX_LOG_SIZE_BYTES", "2048", "logCallBytesMax", 2048);
  check("FN_DOCKER_NETWORKS", "one two", "dockerNetwork", "one");
  for (const setting of ["dockerImagesMiB", "imageCacheMiB"] as const) {
    check("FN_IMAGE_CLEAN_MAX_SIZE", String(3 * 1024 ** 3), setting, 3072);
    check("FN_IMAGE_CLEAN_MAX_SIZE", "0", setting, 0);
  }
});

test("a value that cannot be used is named with its variable", () => {
  for (const [env, expected] of [
    [{ FN_PORT: "http" }, /^FN_PORT: "http" is not a whole number/],
    [{ FN_PORT: "70000" }, /^FN_PORT: "70000" is no port/],
    [{ FN_LOG_LEVEL: "loud" }, /^FN_LOG_LEVEL: "loud" is none of debug/],
    [{ FN_PORT_FILE: "/no/such" }, /^FN_PORT_FILE: \/no\/such can't be read/],
  ] as const) {
    assert.throws(
      () => load(env as unknown as Record<string, string>),
      (error) => error instanceof PlatformError && expected.test(error.message),
    );
  }
});

test("with _FILE behind its name a variable is read from a file; the variable itself is stronger", () => {
  const file = join(folder, "value");
  writeFileSync(file, "7070\n");
  assert.equal(load({ FN_PORT_FILE: file }).listen, "127.0.0.1:7070");
  assert.equal(load({ FN_PORT_FILE: file, FN_PORT: "1" }).listen, "127.0.0.1:1");
  assert.equal(load({ POLYKILN_DRAIN_MS_FILE: file }).drainMs, 7070);
});

test("what is set and means nothing is found, with why", () => {
  const found = meaninglessVariables({
    FN_NODE_TYPE: "lb",
    FN_DB_URL_FILE: "/run/secret",
    FN_EXPERIMENTAL_PREFORK_IMAGE: "busybox",
    FN_POTR: "8080",
    FN_PORT: "8080",
    FN_LOG_FORMAT: "json",
    FN_ZIPKIN_URL: "",
    FN_TOKEN: "of the client",
    FN_NODE_FDK_VERSION: "1",
    OTHER: "1",
  });
  assert.deepEqual([...found.keys()], ["FN_NODE_TYPE", "FN_DB_URL_FILE", "FN_EXPERIMENTAL_PREFORK_IMAGE", "FN_POTR"]);
  assert.match(found.get("FN_NODE_TYPE") ?? "", /whole one/);
  assert.match(found.get("FN_POTR") ?? "", /no setting of this name/);
  assert.equal(fnSetting("FN_EXPERIMENTAL_PREFORK_CMD")?.setting, null);
});
