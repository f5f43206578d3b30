import assert from "node:assert/strict";
import { test } from "node:test";
import { localAddresses4, localAddresses6, ownAddresses } from "./machine-routes.ts";

test("this machine's addresses are read from the kernel's own tables", () => {
  const trie = `Local:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/31 1 0 0
        |-- 127.0.0.0
           /32 link BROADCAST
           /8 host LOCAL
        |-- 127.0.0.1
           /32 host LOCAL
     |-- 192.0.2.0
        /24 link UNICAST
     |-- 192.0.2.2
        /32 link UNICAST
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
`;
  assert.deepEqual(localAddresses4(trie), ["127.0.0.1", "192.0.2.2"]);
  const table = "fd000000000000000000000000000002 04 40 00 80     eth0\n00000000000000000000000000000001 01 80 10 80       lo\n";
  assert.deepEqual(localAddresses6(table), ["fd00::2", "::1"]);
  assert.ok(process.platform !== "linux" || ownAddresses().includes("127.0.0.1"));
});
