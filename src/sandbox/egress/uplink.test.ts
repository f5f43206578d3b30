import assert from "node:assert/strict";
import { test } from "node:test";
import { forwardGuards } from "./uplink.ts";

function chain(policy: string, hook: string): string {
  return `\tchain C {\n\t\ttype filter hook ${hook} priority filter; policy ${policy};\n\t}\n}\n`;
}

test("another firewall that drops forwarded packets is found by its table", () => {
  const text = [
    `table ip filter {\n${chain("drop", "forward")}`,
    `table inet polykiln-x {\n${chain("drop", "forward")}`,
    `table inet own {\n${chain("accept", "forward")}`,
    `table ip6 filter {\n${chain("drop", "input")}`,
  ];
  assert.deepEqual(forwardGuards(text.join("")), ["ip filter"]);
  assert.deepEqual(forwardGuards(""), []);
});
