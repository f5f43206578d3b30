/** What the platform keeps things in and runs them in, as the configuration has it. */
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { PullSettings } from "../image/pulled/pulled-images.ts";
import type { World } from "../lib/world.ts";
import { logSchema } from "../logs/sqlite/migrations.ts";
import { queueSchema } from "../queue/sqlite/migrations.ts";
import { inspect } from "../sandbox/bubblewrap/capabilities.ts";
import { bubblewrapDriver } from "../sandbox/bubblewrap/driver.ts";
import type { PlatformAddress } from "../sandbox/egress/egress.ts";
import { processDriver } from "../sandbox/process/driver.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import { openDatabase } from "../sql/sqlite/database.ts";
import type { Database } from "../sql/sql.ts";
import { storeSchema } from "../store/sqlite/migrations.ts";
import type { Logger } from "../telemetry/logger.ts";

/** Where programs of the host are looked up for sandboxes that see the host's files. */
export const hostPath = "/usr/local/bin:/usr/bin:/bin";

/** A transfer on which nothing comes for so long is begun again, in ms. */
const pullStallMs = 30_000;

/** How images of functions are fetched, and how much of them is kept. */
export function pullSettings(config: Config): PullSettings {
  return {
    registry: {
      credentialsFile: config.registryAuth,
      certificatesFile: config.registryCa,
      plainHosts: config.imagePlainHosts,
      way: { proxy: config.registryProxy, direct: [...config.registryDirect, ...config.imagePlainHosts] },
      stallMs: Math.min(pullStallMs, config.pullTimeoutMs),
    },
    defaultRegistry: config.imageRegistry,
    pullTimeoutMs: config.pullTimeoutMs,
    cacheBytesMax: config.imageCacheMiB === 0 ? Number.MAX_SAFE_INTEGER : config.imageCacheMiB * 1024 * 1024,
  };
}

/** The one database file of the data folder. */
export function openStore(config: Config, world: World): Promise<Database> {
  return openDatabase({
    path: join(config.data, "polykiln.db"),
    schemas: [storeSchema, logSchema, queueSchema],
    newId: world.newId,
  });
}

/** What functions run in. `platform`: where the server is, once it listens. */
export function startDriver(config: Config, world: World, logger: Logger, platform: () => PlatformAddress | null): SandboxDriver {
  const options = {
    world,
    warn: (sentence: string, fields: object) => logger.warn(sentence, { reason: JSON.stringify(fields) }),
    stateFile: join(config.data, "sandboxes.json"),
    // Whoever wants no stem cells wants nothing else that waits either.
    ...(config.stemCells.length === 0 ? {} : { placesFolder: join(config.data, "places") }),
  };
  if (config.sandbox === "process") {
    // On every start, however little is logged.
    const say = config.logLevel === "error" ? "error" : "warn";
    logger[say]("Functions run UNPROTECTED, on all of the machine, as this user: --sandbox process is for development only");
    return processDriver(options);
  }
  const capabilities = inspect();
  for (const { what, why, fix } of capabilities.missing) {
    if (capabilities.usable) logger.warn(what, { reason: why, fix });
  }
  const egress = {
    resolvers: config.egressResolvers,
    privateNetworks: config.egressPrivateNetworks,
    linkNetwork: config.egressLinkNetwork,
  };
  return bubblewrapDriver({ ...options, capabilities, egress, platform });
}
