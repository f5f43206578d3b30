import assert from "node:assert/strict";
import { test } from "node:test";
import { networkList, isPublic } from "./addresses.ts";
import { AllowLists } from "./lists.ts";

/** A world whose time is moved by hand, and lists in it. */
function start() {
  let now = 0;
  let due: { at: number; run: () => void }[] = [];
  const names: Record<string, readonly string[]> = {};
  const elements = new Set<string>();
  const filter = async (lines: readonly string[]) => {
    for (const line of lines) {
      const [, action, element = ""] = /^(add|delete) element inet kiln (.*)$/.exec(line) ?? [];
      if (action === "add") elements.add(element);
      else assert.ok(elements.delete(element), line);
    }
  };
  const world = {
    now: () => now,
    monotonic: () => now,
    random: () => 0,
    newId: () => "id",
    after(ms: number, run: () => void) {
      const entry = { at: now + ms, run };
      due.push(entry);
      return () => {
        due = due.filter((each) => each !== entry);
      };
    },
  };
  const opened = networkList(["10.7.0.0/16"]);
  const acts = {
    filter,
    resolve: async (name: string) => names[name] ?? [],
    mayReach: (address: string) => isPublic(address, opened),
  };
  const lists = new AllowLists(acts, world as never);
  const pass = async (ms: number) => {
    for (const end = now + ms; now < end; ) {
      now += 10_000;
      const ready = due.filter(({ at }) => at <= now);
      due = due.filter(({ at }) => at > now);
      for (const { run } of ready) run();
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { lists, elements, names, pass, apply: filter, timers: () => due.length };
}

test("addresses in a list are let through with their port, in one plain form; those that nobody reaches are not", () => {
  const { lists } = start();
  const entries = [
    "8.8.8.8:53",
    "[2606:4700:0:0::1111]:443",
    "10.7.1.1:5432",
    "10.8.1.1:5432",
    "127.0.0.1:80",
    "[::ffff:8.8.8.8]:80",
    "100.64.0.1:80",
    "a.example:80",
  ];
  assert.deepEqual(lists.use(entries).lines, [
    "add element inet kiln allowed4 { 1 . 8.8.8.8 . 53 }",
    "add element inet kiln allowed6 { 1 . 2606:4700::1111 . 443 }",
    "add element inet kiln allowed4 { 1 . 10.7.1.1 . 5432 }",
  ]);
});

test("sandboxes with the same list share it; `platform` is an address and a name", () => {
  const { lists } = start();
  const first = lists.use(["platform", "a.example:80"]);
  assert.deepEqual(first.lines, ["add element inet kiln allowed4 { 1 . 100.64.0.1 . 80 }"]);
  const second = lists.use(["a.example:80", "platform"]);
  assert.equal(second.list, first.list);
  assert.deepEqual(second.lines, []);
  assert.ok(first.list.hasPlatform && first.list.has("a.example") && !first.list.has("b.example"));
  assert.notEqual(lists.use(["a.example:81"]).list.group, first.list.group);
});

test("a list with `internet` adds to what everybody may reach", async () => {
  const { lists, elements, apply, pass } = start();
  const { list, lines } = lists.use(["internet", "platform"]);
  assert.deepEqual(lines, ["add element inet kiln allowed4 { 1 . 100.64.0.1 . 80 }", "add element inet kiln open { 1 }"]);
  assert.ok(list.hasInternet && !list.has("internet"));
  await apply(lines);
  list.users -= 1;
  await pass(120_000);
  assert.deepEqual([...elements], []);
});

test("what a name was resolved to is let through on each of its ports", async () => {
  const { lists, elements } = start();
  const { list } = lists.use(["A.example:80", "a.example:443"]);
  await list.learn("a.example", ["1.2.3.4", "127.0.0.1"]);
  assert.deepEqual([...elements], ["allowed4 { 1 . 1.2.3.4 . 80 }", "allowed4 { 1 . 1.2.3.4 . 443 }"]);
});

test("names are resolved again; an address goes when it has been no answer for long", async () => {
  const { lists, elements, names, pass } = start();
  const { list } = lists.use(["a.example:80"]);
  names["a.example"] = ["1.1.1.1"];
  await pass(60_000);
  assert.deepEqual([...elements], ["allowed4 { 1 . 1.1.1.1 . 80 }"]);
  names["a.example"] = ["1.1.1.2"];
  await pass(120_000);
  assert.equal(elements.size, 2, "whoever has resolved it before may still use the old one");
  await pass(20 * 60_000);
  assert.deepEqual([...elements], ["allowed4 { 1 . 1.1.1.2 . 80 }"]);
  names["a.example"] = [];
  await pass(5 * 60_000);
  assert.equal(elements.size, 1, "no answer is no reason");
  assert.equal(list.users, 1);
});

test("a list that nobody uses any more goes with all it has", async () => {
  const { lists, elements, pass, apply, timers } = start();
  const { list, lines } = lists.use(["8.8.8.8:53", "a.example:80"]);
  await apply(lines);
  await list.learn("a.example", ["1.2.3.4"]);
  list.users -= 1;
  await pass(120_000);
  assert.deepEqual([...elements], []);
  assert.equal(timers(), 0);
  assert.equal(lists.use(["8.8.8.8:53", "a.example:80"]).list.group, 2);
});
