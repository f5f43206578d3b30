/** The same as `egress.test.ts` for a server that is not root. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { at, forbidden, service, testEgress } from "./egress-matrix.ts";
import { cannotNetworkBy, EgressWorld, type Target } from "./egress-world.ts";

testEgress("egress without root, by pasta", cannotNetworkBy("pasta"), "pasta");

describe("egress without root, by slirp4netns", { skip: cannotNetworkBy("slirp4netns"), timeout: 300_000 }, () => {
  let world: EgressWorld;
  before(async () => {
    world = new EgressWorld("slirp4netns");
    await world.ready();
  });
  after(() => world.close());

  async function check(targets: readonly Target[], expected: RegExp): Promise<void> {
    for (const [target, said] of Object.entries(await world.reach("internet", targets))) assert.match(said, expected, target);
  }

  test("public addresses are reached, over IPv4 alone", async () => {
    await check(at(80, "93.184.216.34", "public.example"), /^reached 93\.184\.216\.34 from 51\.15\.0\.2/);
  });

  test("S4, A11: nothing of the machine, of private networks and of metadata services is reached", async () => {
    await check([...forbidden, ...at(service, "10.0.2.2", "10.0.2.3")], /^(?!.*(reached|machine|connected))/);
  });

  test("nothing is left of a server that is killed with its spawner", async () => {
    assert.equal(await world.ask({ do: "crash" }), "processes; no processes; left: ");
  });
});
