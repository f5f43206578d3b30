/** A program that has ended while its caller still reads: the answer arrives whole, however much of it waits in the platform. */
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, describe, test } from "node:test";
import { type DeployedFunction, type Platform, startPlatform } from "../platform.ts";
import { cannotCount } from "./footprint.ts";

/** Around what the buffers of a connection take, so that for some of them the end of the program comes in between. */
const sizes = Array.from({ length: 30 }, (_, index) => 1_000_000 + index * 220_000);
const stallMs = 400;
const atATime = 5;

describe("a slow reader", { skip: cannotCount, timeout: 120_000 }, () => {
  let platform: Platform;
  let fn: DeployedFunction;
  before(async () => {
    platform = await startPlatform();
    const settings = { kind: "native:1", protocol: "stdio", command: ["./func.sh"] };
    fn = await platform.deploy({ name: "big", file: ["func.sh", "#!/bin/sh\nhead -c $(cat) /dev/zero\n"], settings });
  });
  after(async () => {
    await platform?.stop();
  });

  test("gets the whole answer of a program that ended long ago", async () => {
    const left = [...sizes];
    const worker = async () => {
      for (let size = left.pop(); size !== undefined; size = left.pop()) assert.equal(await received(fn.invokeUrl, size), size);
    };
    await Promise.all(Array.from({ length: atATime }, worker));
  });
});

/** Asks for so many bytes and reads none of them for a while. */
function received(url: string, size: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST" }, (response) => {
      let total = 0;
      response.on("error", reject);
      response.on("end", () => resolve(total));
      setTimeout(() => {
        response.on("data", (data: Buffer) => {
          total += data.length;
        });
      }, stallMs);
    });
    call.on("error", reject);
    call.end(String(size));
  });
}
