/** Apps with a syslog receiver: what their functions print arrives there, over TLS, too, and a receiver that is away disturbs no call. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, linesOf, put, send } from "../client.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { makeCertificate, type Receiver, tcpReceiver, tlsReceiver } from "../syslog-receivers.ts";

const prints = `exports.handler = (event) => {
  console.log("out " + event.n);
  console.error("err " + event.n);
  return "done";
};`;

async function until(holds: () => boolean | Promise<boolean>, what: () => unknown): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!(await holds())) {
    if (Date.now() > deadline) assert.fail(`still not: ${JSON.stringify(what())}`);
    await sleep(20);
  }
}

const skip = spawnSync("openssl", ["version"]).status === 0 ? undefined : "openssl is missing: apt-get install openssl";

describe("syslog", { concurrency: false, timeout: 120_000, skip }, () => {
  let platform: Platform;
  let certificate: ReturnType<typeof makeCertificate>;
  let secure: Receiver;
  before(async () => {
    certificate = makeCertificate();
    secure = await tlsReceiver(certificate);
    platform = await startPlatform({ env: { NODE_EXTRA_CA_CERTS: certificate.certificate } });
  });
  after(async () => {
    assert.equal(await platform.stop(), 0, platform.log());
    await secure.close();
    rmSync(certificate.folder, { recursive: true, force: true });
  });

  test("lines go to the receiver that the app names, with the call's id; changes count at once", async () => {
    const made = await send("POST", `${platform.url}/v2/apps`, JSON.stringify({ name: "logged", syslog_url: secure.url }));
    assert.equal(made.status, 200, made.text);
    const app = String(made.json["id"]);
    const fn = await platform.deploy({ name: "prints", app: "logged", file: ["index.js", prints] });
    const answer = await call(fn.invokeUrl, { n: 1 });
    assert.equal(answer.status, 200);
    await until(
      () => secure.messages.length === 2,
      () => [secure.messages, platform.log()],
    );
    const shown = secure.messages.map((message) => message.replace(/ \S+Z [!-~]+ /, " … ")).toSorted();
    const tag = `app_id=${app},fn_id=${fn.id} ${answer.activationId}`;
    assert.deepEqual(shown, [`<11>1 … ${tag} stderr - err 1`, `<14>1 … ${tag} stdout - out 1`]);
    assert.equal((await linesOf(platform.url, answer.activationId, 2)).length, 2, "they are kept as well");

    const plain = await tcpReceiver();
    await send("PUT", `${platform.url}/v2/apps/${app}`, JSON.stringify({ syslog_url: plain.url }));
    await call(fn.invokeUrl, { n: 2 });
    await until(
      () => plain.messages.length === 2,
      () => plain.messages,
    );
    assert.equal(secure.messages.length, 2);

    await plain.close();
    for (let n = 3; n < 6; n++)
      assert.equal((await call(fn.invokeUrl, { n })).status, 200, "a receiver that is away stops nobody");
    await until(() => platform.log().includes("A syslog receiver takes no lines"), platform.log);
    const again = await tcpReceiver(Number(new URL(plain.url).port));
    await until(
      () => again.messages.some((message) => message.endsWith("out 5")),
      () => again.messages,
    );
    await put(`${platform.url}/kiln/v1/namespaces/guest/apps/logged`, { syslogUrl: null });
    const silent = await call(fn.invokeUrl, { n: 6 });
    await linesOf(platform.url, silent.activationId, 2);
    assert.equal(again.messages.filter((message) => message.includes(silent.activationId)).length, 0);
    await again.close();
    const { text } = await send("GET", `${platform.url}/metrics`);
    assert.match(text, /^polykiln_syslog_lines_total\{outcome="sent"\} \d+$/m);
  });

  test("a certificate that nobody vouches for is not talked to", async () => {
    const other = makeCertificate();
    const receiver = await tlsReceiver(other);
    await put(`${platform.url}/kiln/v1/namespaces/guest/apps/unknown`, { syslogUrl: receiver.url });
    const fn = await platform.deploy({ name: "prints", app: "unknown", file: ["index.js", prints] });
    assert.equal((await call(fn.invokeUrl, { n: 1 })).status, 200);
    await until(() => platform.log().includes("certificate"), platform.log);
    assert.deepEqual(receiver.messages, []);
    await receiver.close();
    rmSync(other.folder, { recursive: true, force: true });
  });
});
