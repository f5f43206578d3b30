import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeAgent } from "../../test/fake-agent.ts";
import { sampleFn } from "../../test/samples.ts";
import { until, within } from "../../test/within-agent.ts";
import { byNamespace } from "../model/model.ts";
import { EgressRules } from "./egress-rules.ts";

const fn = sampleFn({ egress: byNamespace });

test("what a function says itself comes before what its namespace says, and nobody else's counts", () => {
  const rules = new EgressRules();
  const keyed = { ...fn, annotations: { "provide-api-key": "true" } };
  assert.equal(rules.settled(fn).egress, "internet");
  assert.deepEqual(rules.settled(keyed).egress, ["internet", "platform"]);
  rules.set(fn.namespace, ["platform"]);
  for (const each of [fn, keyed]) assert.deepEqual(rules.settled(each).egress, ["platform"]);
  assert.equal(rules.settled({ ...fn, namespace: "another" }).egress, "internet");
  for (const egress of ["none", "internet", ["a.example:80"]] as const)
    assert.deepEqual(rules.settled({ ...fn, egress }).egress, egress);
  rules.set(fn.namespace, null);
  assert.equal(rules.settled(fn).egress, "internet");
});

test("a call after a change finds no sandbox from before, and one that runs goes on", async () => {
  await within(fakeAgent(), async (fake) => {
    const own = sampleFn({ id: "01JD00000000000000000000OW", name: "own", egress: "internet" });
    const egress = () => fake.driver.living.map((sandbox) => sandbox.egress).toSorted();
    await Promise.all([fake.call(fn, "x"), fake.call(own, "x")]);
    assert.equal((await fake.call(fn, "x")).report.start, "hot");
    const running = fake.call(fn, "sleep 100");
    fake.agent.setEgress(fn.namespace, "none");
    const { answer, report } = await fake.call(fn, "x");
    assert.deepEqual([answer, report.start], ["x", "cold"]);
    assert.equal((await fake.call(fn, "x")).report.start, "hot");
    assert.equal((await fake.call(own, "x")).report.start, "hot");
    assert.equal((await running).answer, "sleep 100");
    assert.deepEqual(egress(), ["internet", "none"]);
    fake.agent.setEgress("another", ["platform"]);
    assert.equal((await fake.call(fn, "x")).report.start, "hot");
    fake.agent.setEgress(fn.namespace, null);
    assert.equal((await fake.call(fn, "x")).report.start, "cold");
    assert.deepEqual(egress(), ["internet", "internet"]);
  });
});

test("sandboxes that are kept ready are made anew after a change", async () => {
  await within(fakeAgent(), async (fake) => {
    const ready = () => fake.agent.provisioned(fn).ready === 2;
    const wanted = [{ fn, app: null, count: 2 }];
    fake.agent.provision(fn.namespace, wanted);
    await until("ready", ready);
    fake.agent.setEgress(fn.namespace, ["platform"]);
    fake.agent.provision(fn.namespace, wanted);
    await until("ready again", () => ready() && fake.driver.living.length === 2);
    for (const { egress } of fake.driver.living) assert.deepEqual(egress, ["platform"]);
    assert.equal((await fake.call(fn, "x")).report.start, "hot");
  });
});
