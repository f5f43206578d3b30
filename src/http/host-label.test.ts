import assert from "node:assert/strict";
import { test } from "node:test";
import { labelBelow } from "./host-label.ts";

const check = (host: string | undefined, label: string | null, parent = "web.example.org") =>
  assert.equal(labelBelow(parent, host), label, host);

test("the label before a parent name", () => {
  check("guest.web.example.org", "guest");
  check("Guest-1.WEB.example.org:8080", "guest-1");
  check("guest.web.example.org.", "guest");
  check("a.guest.web.example.org", null);
  check("web.example.org", null);
  check(".web.example.org", null);
  check("guestweb.example.org", null);
  check("gu_est.web.example.org", null);
  check("127.0.0.1:80", null);
  check(undefined, null);
  check("guest.localhost", "guest", "localhost");
  check("guest.", null, "");
});
