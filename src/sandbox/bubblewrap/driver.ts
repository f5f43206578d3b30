/** Sandboxes by bubblewrap: namespaces, control groups and a system call filter, without a daemon. */
import { PlatformError } from "../../model/error.ts";
import { egressDefaults, type EgressSettings } from "../egress/egress.ts";
import type { SandboxDriver } from "../sandbox.ts";
import { SpawnerDriver, type SpawnerOptions } from "../spawner/driver.ts";
import { type Capabilities, defaultPath, inspect } from "./capabilities.ts";
import { cgroupFolders } from "./cgroup.ts";

/** What is special to bubblewrap. */
export interface BubblewrapOptions extends SpawnerOptions {
  /** What `inspect` found, if the caller has asked already. */
  readonly capabilities?: Capabilities;
  readonly egress?: Partial<EgressSettings>;
}

/**
 * Makes the driver and starts its spawner in the background. Throws `unsupported` where nothing can be isolated, with the ways
 * on; what is only worse than it could be goes to `capabilities().missing`.
 */
export function bubblewrapDriver(options: BubblewrapOptions): SandboxDriver {
  const path = options.path ?? defaultPath;
  const { usable, isolation, missing } = options.capabilities ?? inspect({ path });
  if (!usable) {
    throw new PlatformError("unsupported", missing.map(({ what, why, fix }) => `${what}. ${why}. ${fix}.`).join("\n"));
  }
  const egress = isolation.network !== null ? { ...egressDefaults, ...options.egress } : null;
  const settings = { technology: "bubblewrap", isolation, path, egress } as const;
  return new SpawnerDriver(options, settings, (groups) => cgroupFolders(isolation.cgroups, groups));
}
