import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, open, readFile, rm, stat, truncate, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import { describe, test, type TestContext } from "node:test";
import { pathToFileURL } from "node:url";
import type { ErrorCode } from "../../model/error.ts";
import { PlatformError } from "../../model/error.ts";
import type { Database, Refusal, Schema, Statement } from "../sql.ts";
import { openDatabase } from "./database.ts";

const taken: Refusal = { code: "conflict", message: "taken" };

describe("group commit", () => {
  test("writes that arrive together share commits, and a refused one harms only itself", async (context) => {
    const { database } = await openFresh(context);
    await database.write([insert(0)]);
    const writes = Array.from({ length: 500 }, (_, index) =>
      database.write([insert(1000 + index), insert(index % 100 === 0 ? 0 : index)]),
    );
    const outcomes = await Promise.allSettled(writes);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    assert.equal(refused.length, 5);
    for (const outcome of refused) assert.ok(outcome.reason instanceof PlatformError && outcome.reason.code === "conflict");
    // The first statement of a refused write is undone with it.
    assert.deepEqual(await database.read("SELECT count(*) AS rows FROM things"), [{ rows: 1 + 2 * 495 }]);
    assert.equal(database.counts.writes, 496);
    assert.ok(database.counts.commits <= 20, `${database.counts.commits} commits for 500 writes`);
  });

  test("what is asked for in one turn is one commit, in its order, however it comes to be asked", async (context) => {
    const { database } = await openFresh(context);
    const later = async (id: number) => {
      for (let hop = 0; hop < id; hop++) await Promise.resolve();
      await database.write([insert(id)]);
    };
    await Promise.resolve();
    await Promise.all(Array.from({ length: 50 }, (_, id) => later(id)));
    assert.equal(database.counts.commits, 1);
    assert.deepEqual(await database.read("SELECT id FROM things ORDER BY rowid LIMIT 3"), [{ id: 0 }, { id: 1 }, { id: 2 }]);
  });

  test("a write that returns rows gives those of its statements, bytes among them, and is all or nothing", async (context) => {
    const { database } = await openFresh(context);
    const nobody = { code: "not_found", message: "nobody" } as const;
    const rows = await database.writeReturning([
      insert(1),
      { sql: "INSERT INTO things VALUES (2), (3) RETURNING *" },
      { sql: "SELECT x'00ff' AS bytes", oneRowElse: nobody },
    ]);
    assert.equal(rows.length, 3);
    assert.deepEqual(rows[2]?.bytes, new Uint8Array([0, 255]));
    const refused = database.writeReturning([insert(4), { sql: "SELECT 1 WHERE 0", oneRowElse: nobody }]);
    await assert.rejects(refused, hasCode("not_found"));
    assert.deepEqual(await database.read("SELECT count(*) AS rows FROM things"), [{ rows: 3 }]);
  });

  test("a write that only fails leaves the connection usable", async (context) => {
    const { database } = await openFresh(context);
    await assert.rejects(database.write([{ sql: "INSERT INTO things VALUES (1), (1)" }]), hasCode("internal"));
    await assert.rejects(database.write([{ sql: "nonsense" }]), hasCode("internal"));
    await assert.rejects(database.read("SELECT * FROM nothing"), hasCode("internal"));
    await assert.rejects(database.write([{ sql: "INSERT INTO things VALUES (?)", columns: [[1, 2], [3]] }]), hasCode("internal"));
    await database.write([insert(1)]);
    assert.deepEqual(await database.read("SELECT id FROM things"), [{ id: 1 }]);
  });

  test("a read sees the writes asked before it, resolved or not", async (context) => {
    const { database } = await openFresh(context);
    void database.write([insert(1)]);
    assert.deepEqual(await database.read("SELECT id FROM things"), [{ id: 1 }]);
  });

  test("close finishes what was asked, and refuses what comes later", async (context) => {
    const { database, path } = await openFresh(context);
    const writes = Array.from({ length: 50 }, (_, index) => database.write([insert(index)]));
    await Promise.all([...writes, database.close(), database.close()]);
    await assert.rejects(database.write([insert(99)]), hasCode("overloaded"));
    await assert.rejects(database.read("SELECT 1"), hasCode("overloaded"));
    const again = await reopen(context, path);
    assert.deepEqual(await again.read("SELECT count(*) AS rows FROM things"), [{ rows: 50 }]);
  });

  test("a full disk is overloaded, loses nothing that was there, and passes", async (context) => {
    const { database } = await openFresh(context);
    await database.write([insert(1)]);
    await database.read("PRAGMA max_page_count = 30");
    const big = Array.from({ length: 5000 }, (_, index) => 10 + index);
    const full = database.write([{ sql: "INSERT INTO things VALUES (?)", columns: [big] }]);
    await assert.rejects(full, (error) => {
      assert.ok(error instanceof PlatformError);
      assert.deepEqual([error.code, error.details.reason], ["overloaded", "disk_full"]);
      return true;
    });
    assert.deepEqual(await database.read("SELECT id FROM things"), [{ id: 1 }]);
    await database.read("PRAGMA max_page_count = 100000");
    await database.write([{ sql: "INSERT INTO things VALUES (?)", columns: [big] }]);
  });
});

describe("opening", () => {
  test("is durable, private and remembers", async (context) => {
    const { database, path } = await openFresh(context);
    const pragma = async (name: string) => Object.values((await database.read(`PRAGMA ${name}`))[0] ?? {})[0];
    assert.equal(await pragma("journal_mode"), "wal");
    assert.equal(await pragma("synchronous"), 2);
    assert.equal(await pragma("foreign_keys"), 1);
    if (process.platform !== "win32") assert.equal((await stat(path)).mode & 0o777, 0o600);
    await database.write([insert(7)]);
    assert.equal(JSON.parse(await readFile(marker(path), "utf8")).commits, 1);
    await database.close();
    const again = await reopen(context, path);
    assert.deepEqual(await again.read("SELECT id FROM things"), [{ id: 7 }]);
  });

  test("twice at once is refused with the pid, and possible after the first is closed", async (context) => {
    const { database, path } = await openFresh(context);
    await assert.rejects(reopen(context, path), (error) => {
      assert.ok(error instanceof PlatformError && error.code === "conflict");
      assert.match(error.message, new RegExp(`store\\.db is in use by another server \\(pid ${process.pid}\\)`));
      return true;
    });
    await database.close();
    await reopen(context, path);
  });

  const faults: { title: string; harm: (path: string) => Promise<unknown>; message: RegExp }[] = [
    {
      title: "gone",
      harm: (path) => unlink(path),
      message: /store\.db is gone, but .*store\.json remembers .*delete .*store\.json/,
    },
    { title: "empty", harm: (path) => truncate(path, 0), message: /store\.db is empty, but/ },
    { title: "text", harm: (path) => writeFile(path, "hello ".repeat(1000)), message: /store\.db is damaged or not a database/ },
    { title: "cut in half", harm: async (path) => truncate(path, (await stat(path)).size / 2), message: /store\.db is damaged/ },
    { title: "overwritten in the middle", harm: (path) => overwrite(path, 8192, 8192), message: /store\.db is damaged/ },
    { title: "somebody else's", harm: foreign, message: /store\.db is a database, but not one of this program/ },
    { title: "of another folder", harm: swap, message: /store\.db is not the database that .*store\.json remembers/ },
    { title: "an older copy", harm: restoreOlder, message: /store\.db has lost its newest 1 of 41 changes/ },
    { title: "of a newer version", harm: makeNewer, message: /newer version of this program \(it has step 2, later\)/ },
    { title: "beside a broken marker", harm: (path) => writeFile(marker(path), "{"), message: /store\.json is damaged/ },
  ];
  for (const { title, harm, message } of faults) {
    test(`is refused when the file is ${title}, and changes nothing`, async (context) => {
      const { database, path } = await openFresh(context);
      for (let index = 0; index < 40; index++)
        await database.write([{ sql: "INSERT INTO things VALUES (?)", columns: [numbers(index * 100, 100)] }]);
      await database.close();
      await copyFile(path, `${path}.older`);
      const again = await reopen(context, path);
      await again.write([insert(9999)]);
      await again.close();
      await harm(path);
      const before = await readFile(path).catch(() => null);
      await assert.rejects(reopen(context, path), (error) => {
        assert.ok(error instanceof PlatformError && error.code === "internal", String(error));
        assert.match(error.message, message);
        return true;
      });
      assert.deepEqual(await readFile(path).catch(() => null), before);
    });
  }

  test("a log that was cut or removed after a crash is refused and kept as it is", async (context) => {
    const folder = await temporaryFolder(context);
    const path = join(folder, "store.db");
    const acknowledged = await writeUntilKilled(folder, path, 100);
    const whole = await readFile(`${path}-wal`);
    for (const wal of [whole.subarray(0, whole.length / 2), flipBit(whole, whole.length / 4), Buffer.alloc(0)]) {
      await writeFile(`${path}-wal`, wal);
      await assert.rejects(reopen(context, path), (error) => {
        assert.ok(error instanceof PlatformError);
        assert.match(error.message, /has lost its newest \d+ of \d+ changes|not the database|not one of this program|damaged/);
        return true;
      });
      assert.deepEqual(await readFile(`${path}-wal`), wal, "what might be rescued is still there");
    }
    await writeFile(`${path}-wal`, whole);
    const healed = await reopen(context, path);
    assert.ok((await countThings(healed)) >= acknowledged);
    await healed.close();
  });

  test("without its marker a database that lost changes is taken as it is", async (context) => {
    const { database, path } = await openFresh(context);
    await database.write([insert(1)]);
    await database.close();
    await copyFile(path, `${path}.older`);
    const again = await reopen(context, path);
    await again.write([insert(2)]);
    await again.close();
    await restoreOlder(path);
    await unlink(marker(path));
    assert.equal(await countThings(await reopen(context, path)), 1);
  });
});

describe("kill -9", () => {
  test("every write that resolved is there afterwards, round after round", { timeout: 60_000 }, async (context) => {
    const folder = await temporaryFolder(context);
    const path = join(folder, "store.db");
    let acknowledged = 0;
    for (let round = 1; round <= 4; round++) {
      acknowledged += await writeUntilKilled(folder, path, 150 * round);
      const database = await reopen(context, path);
      const rows = await countThings(database);
      assert.ok(rows >= acknowledged, `${rows} rows, ${acknowledged} acknowledged`);
      assert.deepEqual(await database.read("PRAGMA integrity_check"), [{ integrity_check: "ok" }]);
      acknowledged = rows;
      await database.close();
    }
  });
});

function insert(id: number): Statement {
  return { sql: "INSERT INTO things VALUES (?) ON CONFLICT DO NOTHING", params: [id], oneRowElse: taken };
}

function numbers(first: number, length: number): number[] {
  return Array.from({ length }, (_, index) => first + index);
}

function hasCode(code: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof PlatformError && error.code === code;
}

async function temporaryFolder(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "polykiln-sql-"));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "0001-things.sql"), "CREATE TABLE things (id INTEGER NOT NULL UNIQUE) STRICT;");
  return folder;
}

function schemaIn(folder: string): Schema {
  return { name: "test", folder: pathToFileURL(`${folder}/`), bulkTables: [] };
}

async function openFresh(context: TestContext): Promise<{ database: Database; path: string }> {
  const path = join(await temporaryFolder(context), "store.db");
  return { database: await reopen(context, path), path };
}

async function reopen(context: TestContext, path: string): Promise<Database> {
  const schemas = [schemaIn(join(path, ".."))];
  const database = await openDatabase({ path, schemas, newId: () => crypto.randomUUID() });
  context.after(() => database.close());
  return database;
}

function marker(path: string): string {
  return path.replace(/\.db$/, ".json");
}

async function overwrite(path: string, position: number, length: number): Promise<void> {
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(length, 0xa5), 0, length, position);
  await file.close();
}

async function foreign(path: string): Promise<void> {
  await unlink(path);
  const database = new DatabaseSync(path);
  database.exec("CREATE TABLE bookmarks (url TEXT); INSERT INTO bookmarks VALUES ('x')");
  database.close();
}

/** Another database of ours, with the same tables. */
async function swap(path: string): Promise<void> {
  const database = new DatabaseSync(path);
  database.exec("UPDATE identity SET creation_id = 'another'");
  database.close();
}

async function restoreOlder(path: string): Promise<void> {
  await copyFile(`${path}.older`, path);
}

async function makeNewer(path: string): Promise<void> {
  const database = new DatabaseSync(path);
  database.exec("INSERT INTO migrations (room, number, name) VALUES ('test', 2, 'later')");
  database.close();
}

function flipBit(bytes: Buffer, position: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[Math.floor(position)] = (copy[Math.floor(position)] as number) ^ 1;
  return copy;
}

async function countThings(database: Database): Promise<number> {
  return Number((await database.read("SELECT count(*) AS rows FROM things"))[0]?.rows);
}

/** Runs a child that writes as fast as it can, kills it in the middle, and tells how many writes it had seen resolve. */
async function writeUntilKilled(folder: string, path: string, writesMin: number): Promise<number> {
  const program = `
    import { openDatabase } from ${JSON.stringify(new URL("./database.ts", import.meta.url).href)};
    const schemas = [{ name: "test", folder: new URL(${JSON.stringify(pathToFileURL(`${folder}/`).href)}), bulkTables: [] }];
    const database = await openDatabase({ path: ${JSON.stringify(path)}, schemas, newId: () => crypto.randomUUID() });
    let next = Number((await database.read("SELECT ifnull(max(id), 0) + 1 AS next FROM things"))[0].next);
    const writer = async () => {
      for (;;) {
        await database.write([{ sql: "INSERT INTO things VALUES (?)", params: [next++] }]);
        process.stdout.write("w\\n");
      }
    };
    await Promise.all([writer(), writer(), writer(), writer()]);
  `;
  const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const stopper = setTimeout(() => child.kill("SIGKILL"), 20_000);
  let seen = 0;
  for await (const _ of createInterface({ input: child.stdout })) {
    if (++seen === writesMin) child.kill("SIGKILL");
  }
  clearTimeout(stopper);
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  assert.ok(seen >= writesMin, `the child wrote ${seen} times`);
  return seen;
}
