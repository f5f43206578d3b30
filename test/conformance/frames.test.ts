import { join } from "node:path";
import { functionSource, goBuild } from "../kits.ts";
import { type FramesRuntime, framesSuite } from "./frames-suite.ts";

const root = join(import.meta.dirname, "../..");

const node: FramesRuntime = {
  name: "node",
  command: async () => [process.execPath, join(root, "runtimes/nodejs/main.cjs")],
  env: { KILN_CODE: functionSource("frames-node") },
  handlers: named({
    relay: ["relay", "relayWriter", "relayPiped"],
    first: ["first", "firstWriter"],
    slow: ["slow", "slowWriter"],
    failsLater: ["failsLater"],
  }),
};

const python: FramesRuntime = {
  name: "python",
  command: async () => ["/usr/bin/python3", join(root, "runtimes/python/main.py")],
  env: { KILN_CODE: functionSource("frames-python") },
  handlers: named({
    relay: ["relay", "relay_async", "relay_writer", "relay_async_writer"],
    first: ["first", "first_async", "first_writer", "first_async_writer"],
    slow: ["slow", "slow_async", "slow_writer"],
    endless: ["endless", "endless_async", "endless_writer"],
    failsLater: ["fails_later"],
  }),
};

const go: FramesRuntime = {
  name: "go",
  command: async () => [await goBuild(functionSource("frames-go"))],
  writes: true,
  handlers: named({ fails: ["fails", "panics"] }),
};

/** The usual names, in the file `functions`. */
function named(others: Partial<FramesRuntime["handlers"]>): FramesRuntime["handlers"] {
  const usual = ["echo", "relay", "first", "slow", "endless", "large", "early", "enough", "fails", "failsLater"] as const;
  const all = [...usual, "refuses", "prints", "facts"] as const;
  const names = Object.fromEntries(all.map((name) => [name, [name]])) as unknown as FramesRuntime["handlers"];
  return Object.fromEntries(
    Object.entries({ ...names, ...others }).map(([name, list]) => [name, list.map((each) => `functions.${each}`)]),
  ) as unknown as FramesRuntime["handlers"];
}

framesSuite(node);
framesSuite(python);
framesSuite(go);
