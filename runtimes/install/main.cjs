"use strict";
/**
 * Installs the packages of a function, in a sandbox without a network (docs/decisions/0019-dependencies.md). The platform connects to
 * the socket in `KILN_SOCKET_PATH`: once to say what is to be done and to get the result, and for each connection to a registry
 * once more (`lines.cjs`). Nothing that is sent from here is trusted there.
 */
const { spawn } = require("node:child_process");
const { cpSync, existsSync, mkdirSync, readFileSync, statfsSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:net");
const { dirname, join } = require("node:path");
const { openProxy } = require("./lines.cjs");
const { sendTree } = require("./tree.cjs");

const work = process.env.KILN_WORK ?? "/tmp/work";
const certificates = "/etc/ssl/certs/ca-certificates.crt";
const saidMax = 64 * 1024;
/** With less left than this something may not have found its place. */
const spareBytes = 1024 * 1024;
const lines = [];
const wanting = [];

createServer((socket) => {
  socket.on("error", () => socket.destroy());
  firstLine(socket, (line) => {
    if (line !== "line") return void install(JSON.parse(line), socket);
    const next = wanting.shift();
    if (next === undefined) lines.push(socket);
    else next(socket);
  });
}).listen(process.env.KILN_SOCKET_PATH);

/** A connection to the platform that nobody uses yet; waits for one. */
function takeLine() {
  for (let line = lines.shift(); line !== undefined; line = lines.shift()) if (!line.destroyed) return Promise.resolve(line);
  return new Promise((resolve) => wanting.push(resolve));
}

async function install(job, socket) {
  let answer;
  try {
    const proxy = await openProxy(takeLine, firstLine);
    lay(job);
    answer = await run(job, proxy);
  } catch (error) {
    answer = { ok: false, status: null, said: String(error?.message ?? error) };
  }
  socket.write(`${JSON.stringify(answer)}\n`);
  if (answer.ok) await sendTree(socket, work, job.results);
  socket.end();
}

/** The folder that the package manager works in, and its settings. */
function lay({ copy, write, ca }) {
  mkdirSync(work, { recursive: true });
  const code = process.env.KILN_CODE ?? "/function";
  for (const name of copy) {
    if (existsSync(join(code, name))) cpSync(join(code, name), join(work, name), { recursive: true, verbatimSymlinks: true });
  }
  for (const [name, text] of Object.entries(write)) {
    mkdirSync(dirname(join(work, name)), { recursive: true });
    writeFileSync(join(work, name), text);
  }
  if (ca === null) return;
  const known = existsSync(certificates) ? readFileSync(certificates, "utf8") : "";
  writeFileSync(join(work, "..", "kiln-ca.pem"), `${known}\n${ca}\n`);
}

function run({ command, env, ca }, proxy) {
  const trust = ca === null ? certificates : join(work, "..", "kiln-ca.pem");
  const settings = {
    ...process.env,
    ...env,
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    http_proxy: proxy,
    https_proxy: proxy,
    ...(existsSync(trust) ? { NODE_EXTRA_CA_CERTS: trust, PIP_CERT: trust, SSL_CERT_FILE: trust, CARGO_HTTP_CAINFO: trust } : {}),
  };
  return new Promise((resolve) => {
    const child = spawn(command[0], command.slice(1), { cwd: work, env: settings, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        said = (said + text).slice(-saidMax);
      });
    }
    child.once("error", (error) => resolve({ ok: false, status: null, said: error.message }));
    child.once("close", (status, signal) => {
      const ok = status === 0 && !isFull();
      resolve({ ok, status: status ?? signal, said: status === 0 && !ok ? `${said}\nno space left on device` : said });
    });
  });
}

/** Package managers take it lightly that a file could not be written to its end. */
function isFull() {
  const { bavail, bsize, ffree } = statfsSync(work);
  return bavail * bsize < spareBytes || ffree === 0;
}

/** Gives the first line of a connection, without its end; what comes behind it stays to be read. */
function firstLine(socket, then) {
  let text = Buffer.alloc(0);
  const take = () => {
    const piece = socket.read();
    if (piece === null) return;
    text = Buffer.concat([text, piece]);
    const feed = text.indexOf(10);
    if (feed < 0) return;
    socket.off("readable", take);
    if (feed + 1 < text.length) socket.unshift(text.subarray(feed + 1));
    then(text.toString("utf8", 0, feed));
  };
  socket.on("readable", take);
}
