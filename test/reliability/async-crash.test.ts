/** The short version of `node test/reliability/async-crash.ts 200`. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crashRounds } from "./async-crash.ts";
import { cannotCount } from "./footprint.ts";

describe("asynchronous calls outlive the server", { skip: cannotCount, timeout: 280_000 }, () => {
  test("killed under load and between the steps of a call, it loses none, doubles none and leaves nothing", async (t) => {
    const report = await crashRounds(8, 30, () => {});
    assert.ok(report.rounds >= 1 && report.accepted > 0 && report.finals === report.accepted);
    t.diagnostic(JSON.stringify(report));
  });
});
