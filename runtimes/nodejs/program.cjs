"use strict";
/**
 * Actions that are programs (docs/frames.md, Parameters). `loop`: it runs on and takes a line of JSON on STDIN for each call, whose answer is a line on
 * descriptor 3. `each`: it is run for each call with the parameters as its argument, and the last line that it prints on STDOUT is the answer.
 */
const { spawn } = require("node:child_process");
const { accessSync, chmodSync, constants, copyFileSync, existsSync, openSync, readSync } = require("node:fs");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

const outputBytesMax = 2 * 1024 * 1024;

/** What calls it, and promises the line that it answers. Throws what it cannot be started for. */
function loadProgram(folder, contract) {
  const compiled = join(folder, ".compiled", "exec");
  const file = existsSync(compiled) ? compiled : executable(join(folder, "exec"));
  return contract === "loop" ? new Loop(file).start() : (parameters) => runEach(file, parameters);
}

function executable(file) {
  if (!existsSync(file)) throw new Error("The code has no program: it is named exec, at the top of an archive, or sent alone");
  const start = Buffer.alloc(4);
  readSync(openSync(file), start, 0, 4, 0);
  if (start.toString("latin1") !== "\x7fELF" && start.toString("latin1", 0, 2) !== "#!")
    throw new Error("exec is no program for Linux and no script");
  try {
    accessSync(file, constants.X_OK);
    return file;
  } catch {
    // Not every archive says so.
    const copy = join("/tmp", "exec");
    copyFileSync(file, copy);
    chmodSync(copy, 0o755);
    return copy;
  }
}

/** The program that runs on. It has one call at a time. */
class Loop {
  #file;
  #child;
  #answer = null;

  constructor(file) {
    this.#file = file;
  }

  start() {
    this.#child = spawn(this.#file, [], { stdio: ["pipe", "inherit", "inherit", "pipe"], env: { ...process.env } });
    this.#child.stdin.on("error", () => {}); // Its end tells the same.
    // Nobody catches it: without the program there is nothing to call any more.
    this.#child.once("error", fail);
    this.#child.once("exit", () => fail(new Error("command exited")));
    createInterface({ input: this.#child.stdio[3] }).on("line", (line) => this.#line(line));
    return (parameters) => this.#call(parameters);
  }

  #call(value) {
    const { env } = process;
    const request = {
      value,
      namespace: env.__OW_NAMESPACE,
      action_name: env.__OW_ACTION_NAME,
      action_version: env.__OW_ACTION_VERSION,
      activation_id: env.__OW_ACTIVATION_ID,
      transaction_id: env.__OW_TRANSACTION_ID,
      deadline: env.__OW_DEADLINE,
      api_host: env.__OW_API_HOST,
      ...(env.__OW_API_KEY === undefined ? {} : { api_key: env.__OW_API_KEY }),
    };
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  #line(line) {
    this.#answer?.(line);
    this.#answer = null;
  }
}

function fail(error) {
  throw error;
}

function runEach(file, parameters) {
  const child = spawn(file, [JSON.stringify(parameters)], { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env } });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output = (output + text).slice(-outputBytesMax);
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => {
      const lines = output.trimEnd().split("\n");
      const answer = lines.pop();
      if (lines.length > 0) process.stdout.write(`${lines.join("\n")}\n`);
      resolve(answer);
    });
  });
}

module.exports = { loadProgram };
