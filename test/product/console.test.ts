/** The console as people use it: a real server, real functions, a real browser, real clicks. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { get, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { noBrowser, openPage, startBrowser, type WatchedPage } from "../browser.ts";
import { call, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";

/** Of everything that the first page loads, compressed with gzip. */
const bytesMax = 60 * 1024;

/** Where pictures go that somebody wants to look at. */
const pictures = process.env["KILN_PICTURES"];

const hello = `exports.handler = async (event) => {
  console.log("hello " + event.name);
  console.error("\\u001b[31mred\\u001b[0m <img src=x onerror=\\"window.hacked = 1\\">");
  return { hello: event.name, html: "<img src=x onerror='window.hacked = 1'><script>window.hacked = 1</script>" };
}`;
const failing = `exports.handler = async () => { throw new Error("no such card <script>window.hacked = 1</script>") }`;
const slow = `exports.handler = async () => { console.log("working"); await new Promise((done) => setTimeout(done, 60_000)) }`;

const picture = async (page: Page, name: string) => {
  if (pictures !== undefined) await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true });
};

const rows = (page: Page, name: string) => page.getByRole("table", { name }).locator("tbody tr");

describe("the console", { skip: noBrowser, timeout: 240_000 }, () => {
  const data = mkdtempSync(join(tmpdir(), "kiln-console-"));
  let browser: Browser;
  let platform: Platform;

  before(async () => {
    [browser, platform] = await Promise.all([startBrowser(), startPlatform({ data, flags: ["--stem-cells", "none"] })]);
  });
  after(async () => {
    await browser?.close();
    await platform?.stop();
    rmSync(data, { recursive: true, force: true });
  });

  const api = (path: string) => `${platform.url}/kiln/v1/namespaces/guest${path}`;

  /** Runs with a page that is closed afterwards, and that must have done nothing it should not have. */
  async function withPage(
    run: (page: Page, watched: WatchedPage) => Promise<void>,
    options: BrowserContextOptions = {},
    expected?: RegExp,
  ): Promise<void> {
    const watched = await openPage(browser, new URL(platform.url).host, options, expected);
    try {
      await run(watched.page, watched);
      assert.equal(await watched.page.evaluate("window.hacked"), undefined, "nothing of a function's was run");
      assert.deepEqual(watched.complaints, []);
    } finally {
      await watched.page.context().close();
    }
  }

  test("is small, packed, and tells browsers to keep what does not change", async (t) => {
    const packed = { "accept-encoding": "gzip" };
    const page = await (await fetch(`${platform.url}/ui/`)).text();
    const files = [...page.matchAll(/(?:src|href)="\.(\/assets\/[^"]+)"/g)].map((match) => `/ui${match[1]}`);
    assert.ok(files.some((file) => file.endsWith(".js")) && files.some((file) => file.endsWith(".css")), page);
    let bytes = 0;
    for (const file of ["/ui/", ...files]) {
      const { headers, body } = await rawGet(`${platform.url}${file}`, packed);
      assert.equal(headers["content-encoding"], "gzip", file);
      assert.ok(gunzipSync(body).length > 0);
      bytes += body.length;
      if (file !== "/ui/") assert.match(String(headers["cache-control"]), /immutable/);
      const again = await rawGet(`${platform.url}${file}`, { ...packed, "if-none-match": String(headers.etag) });
      assert.deepEqual([again.status, again.body.length], [304, 0], file);
    }
    t.diagnostic(`${bytes} bytes with gzip`);
    assert.ok(bytes > 10_000 && bytes < bytesMax, `${bytes} bytes`);
  });

  test("a browser at / gets there; Fn's own answer stays", async () => {
    const browserLike = await send("GET", `${platform.url}/`, undefined, { accept: "text/html,*/*;q=0.8" });
    assert.deepEqual([browserLike.status, browserLike.headers.get("location")], [302, "ui/"]);
    assert.equal((await send("GET", `${platform.url}/`)).json["hello"], "world!");
  });

  test("without a function it teaches how to make one, and shows it as soon as it is there", async () => {
    await withPage(async (page) => {
      await page.goto(platform.url);
      const commands = page.getByLabel("Commands that deploy and call a first function");
      await commands.waitFor();
      assert.match(
        await commands.innerText(),
        new RegExp(`${platform.url}/kiln/v1/namespaces/guest/apps/_/functions/hello/code`),
      );
      await picture(page, "empty");
      await platform.deploy({
        name: "hello",
        app: "_",
        file: ["index.js", hello],
        settings: { annotations: { owner: "<i>me</i>" } },
      });
      await platform.deploy({ name: "failing", file: ["index.js", failing] });
      await platform.deploy({ name: "slow", file: ["index.js", slow] });
      await rows(page, "Functions and their last minutes").nth(2).waitFor();
    });
  });

  test("calls appear while one looks: figures, charts, records", async () => {
    await withPage(async (page) => {
      await page.goto(`${platform.url}/ui/`);
      const row = rows(page, "Functions and their last minutes").filter({ hasText: "hello" });
      await row.waitFor();
      const answers = await Promise.all(
        Array.from({ length: 30 }, (_, index) => call(api("/apps/_/functions/hello/invoke"), { name: `n${index}` })),
      );
      for (const { status } of answers) assert.equal(status, 200);
      assert.equal((await call(api("/apps/tests/functions/failing/invoke"), {})).status, 502);
      await row.getByText("0 %").waitFor();
      await row.getByText("/min").or(row.getByText("/s")).first().waitFor();
      await rows(page, "Functions and their last minutes").filter({ hasText: "failing" }).getByText("100 %").waitFor();
      await rows(page, "Recent activations").filter({ hasText: "function error" }).first().waitFor();
      const calls = page.getByRole("img", { name: /^Calls: ok (?!0 )/ });
      await calls.waitFor();
      assert.ok((await calls.locator("canvas").count()) === 1);
      await page.getByRole("img", { name: /^Start types: hot \d+, .*cold [1-9]/ }).waitFor();
      await picture(page, "overview");
    });
  });

  test("a function is called with the form, and its answer, log and time are shown as text", async () => {
    await withPage(async (page) => {
      await page.goto(`${platform.url}/ui/#/`);
      await page.getByRole("link", { name: "hello", exact: true }).click();
      await page.getByRole("heading", { level: 1, name: "hello" }).waitFor();
      assert.match(await page.getByRole("region", { name: "Settings" }).innerText(), /"<i>me<\/i>"/);

      const body = page.getByLabel("Request body");
      await body.fill("{");
      await page.getByText("The body is not JSON").waitFor();
      assert.ok(await page.getByRole("button", { name: "Call", exact: true }).isDisabled());
      await body.fill('{"name": "Ada"}');
      await page.getByText("Headers", { exact: true }).click();
      await page.getByLabel("Request headers, one a line").fill("X-Wish: tea");
      await page.getByRole("button", { name: "Call", exact: true }).click();
      const answer = page.getByLabel("Answer", { exact: true });
      await answer.waitFor();
      assert.match(await answer.innerText(), /"hello": "Ada"/);
      assert.match(await answer.innerText(), /<img src=x onerror='window\.hacked = 1'>/);
      const printed = page.getByLabel("What the call printed");
      await printed.locator("li").nth(1).waitFor();
      assert.match(await printed.innerText(), /\\e\[31mred\\e\[0m <img/);
      await page.getByLabel("What the function prints").getByText("hello Ada").waitFor();
      await page.getByRole("img", { name: /^Sandboxes: .*[1-9]/ }).waitFor();
      await picture(page, "function");

      await page.locator(".outcome a.id").click();
      await page.getByRole("heading", { name: "Input and output" }).waitFor();
      await page.getByRole("img", { name: /ms in all\. Waited for a slot: / }).waitFor();
      assert.match(await page.getByLabel("Input", { exact: true }).innerText(), /"name": "Ada"/);
      assert.match(await page.getByLabel("Output, status 200").innerText(), /"hello": "Ada"/);
      await page.getByLabel("What the call printed").getByText("hello Ada").waitFor();
      assert.equal(await page.locator("main img, main script").count(), 0);
      await picture(page, "activation");
    });
  });

  test("a call that nobody waits for: accepted, then its kept answer; one that runs is cancelled", async () => {
    await withPage(async (page) => {
      await page.goto(`${platform.url}/ui/#/functions/_/hello`);
      await page.getByLabel("Don't wait for the answer").check();
      await page.getByRole("button", { name: "Call", exact: true }).click();
      await page.locator(".outcome").getByText("success").waitFor();
      await page.locator(".outcome a.id").click();
      await page.getByLabel("Output, status 200").getByText('"hello": "world"').waitFor();

      await platform.deploy({ name: "hopeless", file: ["index.js", failing], settings: { delivery: { attemptsMax: 1 } } });
      const given = await call(api("/apps/tests/functions/hopeless/invoke?wait=none"), { order: 7 });
      await page.goto(`${platform.url}/ui/#/activations/${given.activationId}`);
      await page.locator(".facts").getByText("dead-lettered").waitFor();
      assert.match(await page.getByLabel("Input", { exact: true }).innerText(), /"order": 7/);
      const address = page.url();
      await page.getByRole("button", { name: "Try again" }).click();
      await page.waitForURL((url) => url.href !== address);
      await page.locator(".facts").getByText("dead-lettered").waitFor();

      await page.goto(`${platform.url}/ui/#/functions/tests/slow`);
      await page.getByLabel("Don't wait for the answer").check();
      await page.getByRole("button", { name: "Call", exact: true }).click();
      await page.locator(".outcome").getByText("running").waitFor();
      await page.locator(".outcome a.id").click();
      await page.getByRole("button", { name: "Cancel this call" }).click();
      await page.locator(".facts").getByText("cancelled").waitFor();
    });
  });

  test("records are filtered and paged, and a failed one says why", async () => {
    await withPage(async (page) => {
      await page.goto(`${platform.url}/ui/#/activations`);
      const list = rows(page, "Activations, newest first");
      await page.getByRole("combobox", { name: "Function" }).selectOption({ label: "hello" });
      await list.nth(24).waitFor();
      assert.equal(await list.count(), 25);
      await page.getByRole("button", { name: "Older" }).click();
      await page.getByText("page 2").waitFor();
      await list.nth(24).waitFor({ state: "detached" });
      await page.getByRole("combobox", { name: "Function" }).selectOption("");
      await page.getByRole("combobox", { name: "Outcome" }).selectOption("function_error");
      await list.filter({ hasText: "failing" }).first().waitFor();
      assert.equal(await list.filter({ hasText: "success" }).count(), 0);
      await list.first().getByRole("link").click();
      await page.getByLabel("Error").getByText("no such card <script>").waitFor();
      await picture(page, "failed");

      const address = page.url();
      await page.getByRole("link", { name: "Activations" }).click();
      await page.getByLabel("Id", { exact: true }).fill(address.split("/").at(-1) as string);
      await page.getByRole("button", { name: "Open" }).click();
      await page.waitForURL(address);
    });
  });

  test("everything is reached by keyboard, fits 360 px, and follows the colours of the system", async () => {
    const options: BrowserContextOptions = { viewport: { width: 360, height: 740 }, colorScheme: "dark" };
    await withPage(async (page) => {
      const fits = async () => {
        const over = await page.evaluate<number>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert.ok(over <= 0, `${page.url()} is ${over} px too wide`);
      };
      await page.goto(`${platform.url}/ui/`);
      await rows(page, "Functions and their last minutes").first().waitFor();
      await fits();
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate<string>("document.activeElement?.textContent"), "Skip to the page");
      await page.keyboard.press("Enter");
      await page.keyboard.press("Tab");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "Call this function" }).waitFor();
      assert.equal(await page.evaluate<string>("document.activeElement?.tagName"), "H1");
      await fits();
      await picture(page, "function-narrow-dark");
      await page.goto(`${platform.url}/ui/#/activations`);
      await rows(page, "Activations, newest first").first().waitFor();
      await fits();
      await picture(page, "activations-narrow-dark");
      const ground = () => page.evaluate<string>("getComputedStyle(document.documentElement).backgroundColor");
      const dark = await ground();
      await page.emulateMedia({ colorScheme: "light" });
      assert.notEqual(await ground(), dark);
    }, options);
  });

  test("what is not there is said in words", async () => {
    await withPage(
      async (page) => {
        await page.goto(`${platform.url}/ui/#/functions/nobody/nothing`);
        await page.getByText("There is no function nothing").waitFor();
        await page.goto(`${platform.url}/ui/#/activations/01AAAAAAAAAAAAAAAAAAAAAAAA`);
        await page.getByText("There is no such activation").waitFor();
        await page.goto(`${platform.url}/ui/#/elsewhere`);
        await page.getByText("There is no such page").waitFor();
      },
      {},
      /nobody|01AAAA/,
    );
  });

  test("a server that goes away is told, and found again when it is back", async () => {
    await withPage(
      async (page) => {
        await page.goto(`${platform.url}/ui/`);
        await rows(page, "Functions and their last minutes").first().waitFor();
        const { port } = platform;
        await platform.crash();
        await page.getByRole("alert").getByText("does not answer").waitFor();
        assert.ok((await rows(page, "Functions and their last minutes").count()) > 0, "what was known stays");
        await picture(page, "lost");
        platform = await startPlatform({ data, flags: ["--listen", `127.0.0.1:${port}`] });
        await page.getByText("does not answer").waitFor({ state: "detached" });
      },
      {},
      /./,
    );
  });

  test("where a key is needed it is asked for once, and is never part of an address", async () => {
    const { auth } = platform;
    await platform.stop();
    platform = await startPlatform({ data, flags: ["--listen", "0.0.0.0:0"] });
    const url = `http://127.0.0.1:${platform.port}`;
    const watched = await openPage(browser, new URL(url).host, {}, /\/kiln\/v1\//);
    const { page, complaints } = watched;
    const addresses: string[] = [];
    page.on("request", (request) => addresses.push(request.url()));
    await page.goto(`${url}/ui/`);
    const field = page.getByLabel("Key, as id:secret");
    await field.fill("nobody:nothing");
    await page.getByRole("button", { name: "Use this key" }).click();
    await page.getByText("The server does not accept this key.").waitFor();
    await picture(page, "key");
    await field.fill(auth);
    await field.press("Enter");
    await rows(page, "Functions and their last minutes").first().waitFor();
    await page.reload();
    await rows(page, "Functions and their last minutes").first().waitFor();
    await page.goto(`${url}/ui/#/functions/_/hello`);
    await page.getByRole("button", { name: "Call", exact: true }).click();
    await page.getByLabel("Answer", { exact: true }).getByText('"hello": "world"').waitFor();
    await page.getByRole("button", { name: "Forget key" }).click();
    await field.waitFor();
    const secret = auth.split(":")[1] as string;
    assert.deepEqual(
      [...addresses, page.url()].filter((address) => address.includes(secret)),
      [],
    );
    assert.deepEqual(complaints, []);
    await page.context().close();
  });
});

/** An answer as it came: fetch would unpack it. */
function rawGet(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number | undefined; headers: IncomingHttpHeaders; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = get(url, { headers, agent: false, timeout: 20_000 }, async (response) => {
      const body = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode, headers: response.headers, body });
    });
    request.on("error", reject);
  });
}
