/** Valid objects of the model for tests; every field has a default, so that one that is given is one that matters. */
import { fnDefaults } from "../src/model/fn-defaults.ts";
import {
  type Activation,
  type App,
  type Fn,
  type ProtocolName,
  protocolNames,
  type Rule,
  type Trigger,
} from "../src/model/model.ts";
import type { Schedule } from "../src/model/schedule.ts";

export function sampleFn(fields: Partial<Fn> = {}): Fn {
  return {
    id: "01JD0000000000000000000001",
    namespace: "guest",
    appId: null,
    name: "hello",
    source: { type: "code", kind: "nodejs:24", digest: "0".repeat(64), handler: null, command: null },
    protocol: "frames",
    ...fnDefaults,
    shape: "",
    revision: 1,
    createdAt: 0,
    updatedAt: 0,
    ...fields,
  };
}

export function sampleApp(fields: Partial<App> = {}): App {
  return {
    id: "01JD0000000000000000000000",
    namespace: "guest",
    name: "myapp",
    config: {},
    annotations: {},
    syslogUrl: null,
    shape: "",
    revision: 1,
    createdAt: 0,
    updatedAt: 0,
    ...fields,
  };
}

/** Of a call of the function above that took no time. */
export function sampleActivation(fields: Partial<Activation> = {}): Activation {
  return {
    id: "01JD0000000000000000000002",
    namespace: "guest",
    appId: null,
    functionId: "01JD0000000000000000000001",
    functionName: "hello",
    revision: 1,
    routeId: null,
    status: "success",
    start: "hot",
    attempt: 1,
    error: null,
    startedAt: 0,
    endedAt: 0,
    waitMs: 0,
    createMs: 0,
    initMs: 0,
    runMs: 0,
    requestBytes: 0,
    responseBytes: 0,
    billedUnits: 0,
    ...fields,
  };
}

/** The same way to speak to code under every name. */
export function allProtocols<Protocol>(protocol: Protocol): Readonly<Record<ProtocolName, Protocol>> {
  return Object.fromEntries(protocolNames.map((name) => [name, protocol])) as Record<ProtocolName, Protocol>;
}

export function sampleTrigger(fields: Partial<Trigger> = {}): Trigger {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  return { id: "t1", namespace: "guest", name: "fired", parameters: {}, annotations: {}, ...times, ...fields };
}

export function sampleRule(fields: Partial<Rule> = {}): Rule {
  const times = { revision: 1, createdAt: 10, updatedAt: 11 };
  const target = { namespace: "guest", app: "shop", name: "hello" };
  const keys = { id: "u1", namespace: "guest", name: "rule", triggerId: "t1", triggerName: "fired" };
  return { ...keys, target, active: true, annotations: {}, ...times, ...fields };
}

/** Once, at 5000. */
export function sampleSchedule(fields: Partial<Schedule> = {}): Schedule {
  return {
    id: "s1",
    namespace: "guest",
    triggerId: "t1",
    trigger: "fired",
    timing: { by: "once", at: 5000 },
    startsAt: null,
    endsAt: null,
    firesMax: null,
    missed: "once",
    afterwards: "nothing",
    payload: "{}",
    note: null,
    nextAt: 5000,
    fired: 0,
    createdAt: 1000,
    ...fields,
  };
}
