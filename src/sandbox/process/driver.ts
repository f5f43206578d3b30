/** Programs on the machine itself: for laptops that cannot isolate. Code can do whatever the server's user can. */
import { defaultPath } from "../bubblewrap/capabilities.ts";
import type { SandboxDriver } from "../sandbox.ts";
import { SpawnerDriver, type SpawnerOptions } from "../spawner/driver.ts";

/** Makes the driver and starts its spawner in the background. */
export function processDriver(options: SpawnerOptions): SandboxDriver {
  const settings = { technology: "process", isolation: null, egress: null, path: options.path ?? defaultPath } as const;
  return new SpawnerDriver(options, settings, () => []);
}
