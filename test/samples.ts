/** Valid objects of the model for tests; every field has a default, so that one that is given is one that matters. */
import { fnDefaults } from "../src/model/fn-defaults.ts";
import type { App, Fn } from "../src/model/model.ts";

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
