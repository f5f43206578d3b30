/** A real browser that looks at pages of ours: Debian's Chromium, driven by playwright-core. */
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const executablePath = "/usr/bin/chromium";

/** Why there is no browser; `undefined` when there is one. */
export const noBrowser = existsSync(executablePath) ? undefined : `${executablePath} is missing: apt-get install chromium`;

/** A page, and what it did that it should not have done. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors in the console, exceptions, requests to other hosts. */
  readonly complaints: string[];
}

/** Without what would make it look for hosts of its maker. The page's own sandbox of processes needs rights that CI has not. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    chromiumSandbox: false,
    args: [
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** Opens an empty page in a profile of its own. `expected`: addresses whose failure is part of the test. */
export async function openPage(
  browser: Browser,
  host: string,
  options: BrowserContextOptions = {},
  expected: RegExp = /^$/,
): Promise<WatchedPage> {
  const context = await browser.newContext({
    locale: "en-GB",
    timezoneId: "UTC",
    viewport: { width: 1360, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints: string[] = [];
  page.on("console", (message) => {
    const { url } = message.location();
    if (message.type() === "error" && !expected.test(url)) complaints.push(`${message.text()} (${url})`);
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  page.on("request", (request) => {
    if (new URL(request.url()).host !== host) complaints.push(`asked ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return { page, complaints };
}
