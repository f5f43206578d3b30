import type { Server } from "node:http";
import { urlHostRoute, urlHostsBelow } from "../api/lambda/url/paths.ts";
import { webHostRoute } from "../api/openwhisk/web/paths.ts";
import type { Config } from "../config/config.ts";
import type { FastRoute } from "../http/http.ts";
import { labelBelow } from "../http/host-label.ts";
import { Listener } from "../http/listener.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { Logger } from "../telemetry/logger.ts";
import { Fronts } from "./fronts.ts";
import type { Observer } from "./observe.ts";

/** Who listens: a listener, or processes in front of it. */
export type Door = Pick<Listener, "listen" | "close">;

export interface DoorParts {
  readonly world: World;
  readonly logger: Logger;
  readonly framework: Server;
  readonly routes: readonly FastRoute[];
  readonly bug: (error: unknown) => void;
}

/** As the configuration has it. Throws `invalid` where its parts do not go together. */
export function openDoor(parts: DoorParts, settings: Config, { health, metrics }: Pick<Observer, "health" | "metrics">): Door {
  const { front: count, httpFront: front, publicUrl, corsOrigins, requestBytesMax, trustedPeers, webHost } = settings;
  const publicNames = publicUrl === "" ? [] : [new URL(publicUrl).hostname.toLowerCase()];
  const urlHosts = urlHostsBelow(settings);
  const config = {
    front,
    publicNames,
    hostsBelow: { [webHostRoute.byHost]: webHost, [urlHostRoute.byHost]: urlHosts },
    trustedPeers,
    pageOrigins: corsOrigins,
    bodyBytesMax: requestBytesMax,
  };
  if (publicNames.some((name) => labelBelow(webHost, name) !== null))
    throw new PlatformError(
      "invalid",
      `--web-host ${webHost} would take ${publicNames.join()}, this server's own name; use another`,
    );
  if (webHost !== "" && webHost === urlHosts)
    throw new PlatformError("invalid", `--web-host ${webHost} would take the hosts of function URLs; use another`);
  if (trustedPeers.length > 0) parts.logger.warn("Callers from some addresses need no key", { reason: trustedPeers.join(", ") });
  const listener = new Listener({ ...parts, config });
  if (count === 0) return listener;
  if (front !== "own")
    throw new PlatformError("invalid", `--front ${count} goes with our own parser only: leave out --http-front ${front}`);
  const fronts = new Fronts({ ...parts, config, count, listener });
  health.add(fronts.check);
  metrics.add(() => fronts.families());
  return fronts;
}
