import assert from "node:assert/strict";
import { test } from "node:test";
import { type Demand, sandboxesToStart } from "./growth.ts";

/** `state`: numbers by name, the rest are those of a function nobody knows yet. */
function check(state: Partial<Demand>, expected: number): void {
  const demand: Demand = {
    waiting: 0,
    starting: 0,
    live: 0,
    concurrency: 1,
    sandboxesMax: 100,
    runMs: undefined,
    startMs: 100,
    stalledMs: 0,
    cpuBound: false,
    ...state,
    urgent: state.urgent ?? state.waiting ?? 0,
  };
  assert.equal(sandboxesToStart(demand), expected, JSON.stringify(state));
}

test("nobody waits, nothing starts", () => check({ live: 1 }, 0));

test("the first callers get one or two sandboxes", () => {
  check({ waiting: 1 }, 1);
  check({ waiting: 100 }, 2);
  check({ waiting: 100, starting: 1 }, 1);
  check({ waiting: 100, starting: 2 }, 0);
  check({ waiting: 2, starting: 1 }, 1);
  check({ waiting: 1, live: 1 }, 1);
});

test("a backlog gets one, and a single caller beside it no more than that to wait for", () => {
  check({ waiting: 100, urgent: 0 }, 1);
  check({ waiting: 100, urgent: 1 }, 1);
  check({ waiting: 100, urgent: 1, starting: 1 }, 0);
  check({ waiting: 100, urgent: 2, starting: 1 }, 1);
  check({ waiting: 100, urgent: 0, live: 1 }, 0);
  check({ waiting: 100, urgent: 1, live: 1 }, 1);
  check({ waiting: 98, urgent: 0, live: 2, runMs: 1000 }, 2);
});

test("a burst on a quick function is drained by what there is", () => {
  check({ waiting: 98, live: 2, runMs: 1 }, 0);
});

test("a burst on a slow function doubles what there is", () => {
  check({ waiting: 98, live: 2, runMs: 1000 }, 2);
  check({ waiting: 90, live: 10, runMs: 1000 }, 10);
  check({ waiting: 90, live: 10, starting: 10, runMs: 1000 }, 0);
});

test("a function of unknown duration doubles when nothing moved for a while", () => {
  check({ waiting: 98, live: 2 }, 0);
  check({ waiting: 98, live: 2, stalledMs: 60 }, 2);
  check({ waiting: 3, live: 8, stalledMs: 60 }, 3);
  check({ waiting: 98, live: 2, starting: 2, stalledMs: 60 }, 0);
});

test("never more than the maximum, or than there are callers", () => {
  check({ waiting: 50, live: 4, runMs: 1000, sandboxesMax: 5 }, 1);
  check({ waiting: 50, live: 5, runMs: 1000, sandboxesMax: 5 }, 0);
  check({ waiting: 50, live: 4, runMs: 1000, concurrency: 50 }, 0 + 1);
});

test("nothing is added for what lacks processors and not sandboxes", () => {
  check({ waiting: 90, live: 16, runMs: 1000 }, 16);
  check({ waiting: 90, live: 16, runMs: 1000, cpuBound: true }, 0);
  check({ waiting: 90, live: 16, runMs: 1000, cpuBound: true, stalledMs: 1500 }, 1);
});
