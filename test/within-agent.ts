/** What tests of the agent over fake sandboxes share. Import this beside `fake-agent.ts`. */
import assert from "node:assert/strict";
import type { FakeAgent } from "./fake-agent.ts";

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const untilMsMax = 10_000;

/** Waits for what is to come: machines that run tests are slow at times. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + untilMsMax;
  while (!isSo()) {
    assert.ok(performance.now() < giveUpAt, `${what} within ${untilMsMax / 1000} s`);
    await pause(2);
  }
}

/** Runs a test's body and closes the agent, of which nothing may be left. */
export async function within(fake: FakeAgent, body: (fake: FakeAgent) => Promise<void>): Promise<void> {
  try {
    await body(fake);
  } finally {
    await fake.agent.close(0);
    const { memory, stemCells } = fake.agent.stats();
    assert.equal(fake.driver.living.length, 0, "every sandbox has ended");
    assert.equal(memory.promisedMiB, 0, "all memory is given back");
    assert.equal(stemCells.starting, 0, "no stem cell is being made");
  }
}
