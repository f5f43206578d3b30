"use strict";
const { openSync, readSync, closeSync, writeSync } = require("node:fs");

/** How long a full pipe is waited for, in ms. */
const patienceMs = 5_000;

/**
 * Marks on descriptors 1 and 2 where the output of a call ends (docs/frames.md), for what is printed past `process.stdout`: by `console` of Deno and
 * Bun, and by other programs.
 */
class Marks {
  /** What the platform is told that they begin with. */
  text = `kiln-${secret()}`;

  print(id) {
    for (const descriptor of [1, 2]) writeAll(descriptor, Buffer.from(`\n${this.text} ${id}\n`));
  }
}

function secret() {
  const bytes = Buffer.alloc(8);
  const descriptor = openSync("/dev/urandom");
  readSync(descriptor, bytes, 0, bytes.length);
  closeSync(descriptor);
  return bytes.toString("hex");
}

function writeAll(descriptor, bytes) {
  let written = 0;
  for (let waitedMs = 0; written < bytes.length && waitedMs < patienceMs; ) {
    try {
      written += writeSync(descriptor, bytes, written);
    } catch (error) {
      if (error.code !== "EAGAIN") return; // The code has closed it.
      waitedMs++;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

module.exports = { Marks };
