import assert from "node:assert/strict";
import { test } from "node:test";
import { bytesBody } from "../../lib/body.ts";
import { Cancel } from "../../lib/cancel.ts";
import { withoutDots } from "./dotted-path.ts";

/** What is asked for and what is meant by it; undefined: nothing else. */
const cases: readonly (readonly [target: string, meant: string | undefined])[] = [
  [
    "/api/v1/namespaces/_/actions/../../whisk.system/actions/alarms/alarm?a=/../b",
    "/api/v1/namespaces/whisk.system/actions/alarms/alarm?a=/../b",
  ],
  ["/api/v1/namespaces/a/../b/triggers/t", "/api/v1/namespaces/b/triggers/t"],
  ["/api/v1/namespaces/_/actions/a?b=/../c", undefined],
  ["/api/v1/namespaces/../web/guest/default/a", undefined],
  ["/api/v1/namespaces/_/../../web/guest/default/a", undefined],
  ["/api/v1/web/guest/default/a/../b", undefined],
  ["/api/v1/namespaces/_/actions/a..b", undefined],
];

test("a path with .. is the one that it leads to, within the namespaces", () => {
  for (const [target, meant] of cases) {
    const path = target.split("?", 1)[0] as string;
    const body = bytesBody(Buffer.alloc(0));
    const found = withoutDots({
      method: "POST",
      target,
      path,
      header: () => "value",
      headers: [],
      peer: "127.0.0.1",
      loopback: true,
      body,
      signal: new Cancel(),
    });
    assert.equal(found?.target, meant, target);
    assert.equal(found?.path, meant?.split("?", 1)[0], target);
    if (found !== undefined) assert.deepEqual([found.method, found.header("x"), found.body], ["POST", "value", body]);
  }
});
