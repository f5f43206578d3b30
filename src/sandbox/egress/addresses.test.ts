import assert from "node:assert/strict";
import { test } from "node:test";
import { PlatformError } from "../../model/error.ts";
import { freeLink, isPublic, networkList, parseNetwork, sandboxAddresses } from "./addresses.ts";

const nothingOpened = networkList([]);

function check(address: string, expected: boolean): void {
  assert.equal(isPublic(address, nothingOpened), expected, address);
}

test("public addresses are public", () => {
  for (const address of ["1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1"])
    check(address, true);
  for (const address of ["2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888"]) check(address, true);
});

test("addresses of machines, private networks and metadata are not", () => {
  for (const address of ["127.0.0.1", "0.0.0.0", "10.0.0.1", "169.254.169.254", "172.31.0.1", "192.168.1.1", "100.100.100.200"])
    check(address, false);
  for (const address of ["168.63.129.16", "192.0.0.192", "224.0.0.1", "240.0.0.1", "255.255.255.255", "198.19.0.1"])
    check(address, false);
  for (const address of [
    "::1",
    "::",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "fe80::1",
    "fd00:ec2::254",
    "ff02::1",
    "2002:808:808::1",
    "2001::1",
  ])
    check(address, false);
  for (const address of ["2001:db8::1", "3fff::1", "fec0::1", "", "x", "1.2.3", "fe80::1%eth0"]) check(address, false);
});

test("a private network that is opened is reached", () => {
  const opened = networkList(["10.7.0.0/16", "fd12::/16"]);
  assert.ok(isPublic("10.7.1.1", opened) && isPublic("fd12::9", opened));
  assert.ok(!isPublic("10.8.1.1", opened) && !isPublic("fd13::9", opened));
});

test("each sandbox has addresses of its own, all in networks that nobody reaches", () => {
  const all = Array.from({ length: 70_000 }, (_, number) => sandboxAddresses(number));
  for (const part of ["link", "ipv4", "ipv6"] as const) assert.equal(new Set(all.map((each) => each[part])).size, all.length);
  const last = sandboxAddresses(4_294_967_295);
  assert.ok(last.link.length <= 15);
  for (const { ipv4, ipv6 } of [all[0], all[69_999], last].filter((each) => each !== undefined)) {
    check(ipv4, false);
    check(ipv6, false);
    assert.match(ipv4, /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./);
  }
});

test("an uplink takes addresses that the machine does not have", () => {
  const { machine4, router4, machine6, router6 } = freeLink("198.18.0.0/15", 0.5, new Set());
  assert.deepEqual([machine4, router4], ["198.19.0.0", "198.19.0.1"]);
  assert.notEqual(machine6, router6);
  assert.equal(freeLink("198.18.0.0/15", 0.5, new Set([router4])).machine4, "198.19.0.2");
  assert.equal(freeLink("10.9.8.4/30", 0.99, new Set()).machine4, "10.9.8.6");
  assert.throws(() => freeLink("10.9.8.4/30", 0, new Set(["10.9.8.4", "10.9.8.7"])), /Every address of 10.9.8.4\/30 is taken/);
});

test("what is no network is told", () => {
  for (const text of ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "::/129", "1.2.3.4/a", "0.0.0.0/0; drop"]) {
    assert.throws(() => parseNetwork(text), PlatformError, text);
  }
});
