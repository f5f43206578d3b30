/** Pages that functions answer with, in a real browser: they work, and they are no part of the platform. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { noBrowser, startBrowser } from "../browser.ts";
import { put, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** The same page as HTML and as SVG, and with a policy of its own that would let it out. */
const source = `
const script = \`
const ask = (what, path, init) => fetch(path, init).then((answer) => answer.text()).then((text) => what + ": " + text.slice(0, 20), () => what + ": no");
const say = (lines) => { window.said = lines };
const storage = (() => { try { return "storage: " + (localStorage.length >= 0) } catch { return "storage: no" } })();
Promise.all([
  ask("read", "/kiln/v1/namespaces/guest/activations"),
  ask("form", "/kiln/v1/namespaces/guest/apps/pages/functions/victim/invoke", { method: "POST", mode: "no-cors", body: "{}" }),
  ask("json", "/kiln/v1/namespaces/guest/apps/evil", { method: "PUT", headers: { "content-type": "application/json" }, body: "{}" }),
  ask("remove", "/kiln/v1/namespaces/guest/apps/pages/functions/victim", { method: "DELETE" }),
  ask("own", "/t/pages/data"),
]).then((lines) => say(["origin: " + self.origin, storage, ...lines]));
\`;
exports.handler = (event, context) => {
  const how = new URL(context.http.url).searchParams.get("as");
  if (how === "svg") context.header("Content-Type", "image/svg+xml");
  else context.header("Content-Type", "text/html; charset=utf-8");
  if (how === "policy") context.header("Content-Security-Policy", "sandbox allow-scripts allow-same-origin");
  if (how === "svg") return '<svg xmlns="http://www.w3.org/2000/svg"><script><![CDATA[' + script + ']]></script></svg>';
  return "<!doctype html><title>page</title><script>" + script + "</script><p>a page</p>";
};`;
const data = `exports.handler = (event, context) => { context.header("Access-Control-Allow-Origin", "null"); return { data: 1 }; };`;
const victim = `exports.handler = () => { console.log("called"); };`;

describe("pages of functions", { skip: noBrowser, timeout: 240_000 }, () => {
  let browser: Browser;
  before(async () => {
    browser = await startBrowser();
  });
  after(() => browser?.close());

  async function withPages(flags: readonly string[], run: (platform: Platform, page: Page) => Promise<void>): Promise<void> {
    const platform = await startPlatform({ flags });
    const context = await browser.newContext();
    try {
      const app = `${platform.url}/kiln/v1/namespaces/guest/apps/pages`;
      await put(app, {});
      for (const [name, text] of Object.entries({ page: source, data, victim })) {
        await platform.deploy({ name, app: "pages", file: ["index.js", text] });
        await put(`${app}/routes/${name}`, { function: name, source: `/${name}` });
      }
      await run(platform, await context.newPage());
    } finally {
      await context.close();
      await platform.stop();
    }
  }

  for (const front of ["own", "node"]) {
    test(`run, and can neither read nor change anything of the platform: ${front} front`, async () => {
      await withPages(["--http-front", front], async (platform, page) => {
        for (const how of ["html", "svg", "policy"]) {
          const { lines } = await said(page, `${platform.url}/t/pages/page?as=${how}`);
          assert.deepEqual(
            lines,
            ["origin: null", "storage: no", "read: no", "form: ", "json: no", "remove: no", 'own: {"data":1}'],
            `as ${how}`,
          );
        }
        const { text } = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/activations`);
        assert.ok(!text.includes('"victim"'), "what it sent without asking was refused");
        assert.equal((await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/evil`)).status, 404);
        assert.equal((await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/pages/functions/victim`)).status, 200);
        const json = await fetch(`${platform.url}/t/pages/data`);
        assert.equal(json.headers.get("content-security-policy"), null);
        await page.goto(`${platform.url}/ui/`);
        await page.getByRole("table", { name: "Functions and their last minutes" }).waitFor();
      });
    });
  }

  test("with functionOrigin shared they are of the platform's origin", async () => {
    await withPages(["--function-origin", "shared"], async (platform, page) => {
      const { lines, policy } = await said(page, `${platform.url}/t/pages/page?as=html`);
      assert.deepEqual([lines[0], lines[1], policy], [`origin: ${platform.url}`, "storage: true", undefined]);
      assert.match(String(lines[2]), /^read: \{"items"/);
      const { status } = await send("GET", `${platform.url}/kiln/v1/namespaces/guest/apps/pages/functions/victim`);
      assert.equal(status, 404, "which is what the others are kept from");
    });
  });
});

/** What the page found out, and the policy it was sent with. */
async function said(
  page: Page,
  url: string,
): Promise<{ readonly lines: readonly string[]; readonly policy: string | undefined }> {
  const answer = await page.goto(url);
  await page.waitForFunction("window.said !== undefined");
  return { lines: (await page.evaluate("window.said")) as string[], policy: answer?.headers()["content-security-policy"] };
}
