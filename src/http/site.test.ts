import assert from "node:assert/strict";
import { test } from "node:test";
import { isLoopbackAddress, isLoopbackHost } from "./loopback.ts";
import { siteGuard } from "./site.ts";

function check(
  input: { method?: string; host?: string; origin?: string },
  expected: "served" | "refused",
  pageOrigins: readonly string[] = [],
): void {
  const guard = siteGuard(["Fn.Example"], pageOrigins);
  const request = { method: input.method ?? "POST", host: input.host ?? "127.0.0.1:8080", origin: input.origin };
  assert.equal(guard(request) === undefined ? "served" : "refused", expected, JSON.stringify(input));
  // The second time the host is remembered.
  assert.equal(guard(request) === undefined ? "served" : "refused", expected, JSON.stringify(input));
}

test("hosts", () => {
  for (const host of [
    "127.0.0.1",
    "127.0.0.1:8080",
    "192.168.1.5:80",
    "[::1]:8080",
    "localhost",
    "LOCALHOST:1",
    "fn.example",
    "fn.example.:80",
  ]) {
    check({ host }, "served");
  }
  for (const host of [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "",
    "[evil]",
    "fn.example.evil",
  ]) {
    check({ host }, "refused");
  }
});

test("origins of requests that change something", () => {
  for (const origin of ["http://127.0.0.1:8080", "http://localhost:3000", "https://fn.example", "http://[::1]"])
    check({ origin }, "served");
  for (const origin of [
    "https://evil.example",
    "null",
    "http://192.168.1.5",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "",
  ]) {
    check({ origin }, "refused");
  }
  check({ host: "192.168.1.5:80", origin: "http://192.168.1.5:80" }, "served");
  check({ method: "GET", origin: "https://evil.example" }, "served");
  check({ method: "DELETE", origin: "https://evil.example" }, "refused");
});

test("origins that the operator named", () => {
  const named = ["https://app.example", "http://other.example:81"];
  for (const origin of named) check({ origin }, "served", named);
  for (const origin of ["https://app.example:444", "http://app.example", "https://evil.example", "null"])
    check({ origin }, "refused", named);
  check({ origin: "https://evil.example" }, "served", ["*"]);
  check({ origin: "null" }, "refused", ["*"]);
  check({ origin: "https://app.example", host: "evil.example" }, "refused", ["*"]);
});

test("loopback", () => {
  for (const address of ["127.0.0.1", "127.255.0.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1"])
    assert.ok(isLoopbackAddress(address), address);
  for (const address of ["128.0.0.1", "0.0.0.0", "::", "::2", "::ffff:10.0.0.1", "127.0.0.1.example", "localhost"])
    assert.ok(!isLoopbackAddress(address), address);
  assert.ok(isLoopbackHost("localhost") && isLoopbackHost("[::1]") && !isLoopbackHost("localhost.example"));
});
