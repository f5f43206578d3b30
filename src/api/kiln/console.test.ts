import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Handler, HttpRequest, HttpResponse } from "../../http/http.ts";
import { consoleForBrowsers, consoleHandler } from "./console.ts";

const folder = mkdtempSync(join(tmpdir(), "kiln-console-"));
after(() => rmSync(folder, { recursive: true, force: true }));
mkdirSync(join(folder, "assets"));
writeFileSync(join(folder, "index.html"), "<!doctype html>");
writeFileSync(join(folder, "assets/main-1.js"), "let a = 1;");
writeFileSync(join(folder, "assets/main-1.js.gz"), gzipSync("let a = 1;"));
writeFileSync(join(folder, ".stamp"), "secret");

interface Sent {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer | string;
}

/** One request to a handler; what it sent. */
function ask(handler: Handler, path: string, headers: Record<string, string> = {}, method = "GET"): Sent {
  let sent: Sent | undefined;
  const request = { method, path, target: path, header: (name: string) => headers[name], body: { cancel() {} } };
  const response: Pick<HttpResponse, "send"> = {
    send(status, flat, body) {
      const pairs = flat.flatMap((name, index): [string, string][] =>
        index % 2 === 0 ? [[name, flat[index + 1] as string]] : [],
      );
      sent = { status, headers: new Headers(pairs), body };
    },
  };
  handler(request as unknown as HttpRequest, response as HttpResponse);
  return sent as Sent;
}

const handler = consoleHandler(folder);

test("files are served with their type, as small as the browser takes them, and kept by it as long as they are right", () => {
  const page = ask(handler, "/ui/");
  assert.equal(page.status, 200);
  assert.equal(page.headers.get("content-type"), "text/html; charset=utf-8");
  assert.equal(page.headers.get("cache-control"), "no-cache");
  const plain = ask(handler, "/ui/assets/main-1.js");
  assert.equal(String(plain.body), "let a = 1;");
  assert.match(String(plain.headers.get("cache-control")), /max-age=31536000, immutable/);
  const packed = ask(handler, "/ui/assets/main-1.js", { "accept-encoding": "br;q=1.0, gzip" });
  assert.equal(packed.headers.get("content-encoding"), "gzip");
  assert.equal(packed.headers.get("vary"), "Accept-Encoding");
  assert.notEqual(packed.headers.get("etag"), plain.headers.get("etag"));
  for (const refused of ["gzip;q=0", "gzip; q=0.0", "identity", ""]) {
    assert.equal(
      ask(handler, "/ui/assets/main-1.js", { "accept-encoding": refused }).headers.get("content-encoding"),
      null,
      refused,
    );
  }
  const known = { "if-none-match": plain.headers.get("etag") as string };
  assert.equal(ask(handler, "/ui/assets/main-1.js", known).status, 304);
  assert.equal(ask(handler, "/ui/assets/main-1.js", { "if-none-match": '"other"' }).status, 200);
});

test("nothing inline, nothing of others, nobody's frame: on every answer with a body", () => {
  for (const path of ["/ui/", "/ui/assets/main-1.js", "/ui/nothing"]) {
    const { headers } = ask(handler, path);
    const policy = String(headers.get("content-security-policy"));
    for (const part of [
      "default-src 'none'",
      "script-src 'self'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ])
      assert.ok(policy.includes(part), `${path}: ${part}`);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
  }
});

test("only what was built is there", () => {
  assert.deepEqual([ask(handler, "/ui").status, ask(handler, "/ui").headers.get("location")], [308, "ui/"]);
  for (const path of [
    "/ui/.stamp",
    "/ui/../package.json",
    "/ui/assets/",
    "/ui/assets/main-1.js.gz",
    "/ui/__proto__",
    "/ui/%2e%2e/x",
  ])
    assert.equal(ask(handler, path).status, 404, path);
  const refused = ask(handler, "/ui/", {}, "POST");
  assert.deepEqual([refused.status, refused.headers.get("allow")], [405, "GET, HEAD"]);
  const unbuilt = ask(consoleHandler(join(folder, "nothing")), "/ui/");
  assert.equal(unbuilt.status, 503);
  assert.match(String(unbuilt.body), /\.\/kiln build/);
});

const theDoor: Handler = (_request, response) => response.send(200, [], "the door");

test("a browser at the root is sent to the console, everybody else is answered as before", () => {
  const root = consoleForBrowsers(theDoor);
  const browser = { accept: "text/html,application/xhtml+xml;q=0.9" };
  assert.deepEqual([ask(root, "/", browser).status, ask(root, "/", browser).headers.get("location")], [302, "ui/"]);
  assert.equal(ask(root, "/", { accept: "*/*" }).body, "the door");
  assert.equal(ask(root, "/").body, "the door");
  assert.equal(ask(root, "/", browser, "POST").body, "the door");
  assert.equal(ask(root, "/v2/apps", browser).body, "the door");
});
