/** Container images under Docker: the driver beside the one for code, and what the rest of the platform asks of such images. */
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Images, Prepared } from "../image/image.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import { parseDockerHost } from "../sandbox/docker/address.ts";
import { DriverBeside } from "../sandbox/docker/beside.ts";
import { DockerDriver } from "../sandbox/docker/driver.ts";
import { DockerEngine } from "../sandbox/docker/engine.ts";
import { DockerImages } from "../sandbox/docker/images.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { Logger } from "../telemetry/logger.ts";

/** What a platform with `images` set to `docker` is made of. */
export interface Docker {
  /** `files` for code, Docker for images. */
  beside(files: SandboxDriver): SandboxDriver;
  /** What a function of this image is started with; pulled, where Docker does not have it. Rejects as `DockerImages.ready`. */
  readonly prepare: (image: string) => Promise<Prepared>;
}

const usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Looks for the engine in the background. Null where images do not run there. Throws `invalid` for an address that is none. */
export function openDocker(config: Config, world: World, logger: Logger): Docker | null {
  if (config.images !== "docker") return null;
  const engine = new DockerEngine(parseDockerHost(config.dockerHost), world);
  const images = new DockerImages({
    engine,
    world,
    say: (message) => logger.info(message),
    credentialsFile: config.registryAuth,
    cacheMiB: config.dockerImagesMiB,
    pullTimeoutMs: config.pullTimeoutMs,
    stateFile: join(config.data, "docker-images.json"),
  });
  if (config.dockerNetwork === "none") {
    logger.warn("Functions of images connect to nothing: Docker has no network for them that we guard", {
      fix: "Name one that you guard by POLYKILN_DOCKER_NETWORK",
    });
  }
  return {
    beside: (files) => new DriverBeside(files, openDriver(config, world, logger, engine)),
    prepare: async (image) => {
      const { id, command, env } = await images.ready(image);
      return preparedOf(image, id, command, env);
    },
  };
}

function openDriver(config: Config, world: World, logger: Logger, engine: DockerEngine): SandboxDriver {
  return new DockerDriver({
    world,
    engine,
    warn: (sentence, fields) => logger.warn(sentence, { reason: JSON.stringify(fields) }),
    idFile: join(config.data, "docker-id"),
    network: config.dockerNetwork,
    shared: config.iofsPath === "" ? null : { here: config.iofsPath, there: config.iofsDockerPath || config.iofsPath },
  });
}

/** What the image itself says counts, but for what every sandbox is told. */
function preparedOf(image: string, id: string, command: readonly string[], env: Readonly<Record<string, string>>): Prepared {
  return {
    root: null,
    image: id,
    code: null,
    runtime: null,
    path: env["PATH"] ?? usualPath,
    shimCommand: null,
    command: () => {
      if (command.length > 0) return command;
      throw new PlatformError("invalid", `The image ${image} says neither by ENTRYPOINT nor by CMD what to run`);
    },
    env,
  };
}

/** The same room with images of Docker. */
export function withDocker(images: Images, docker: Docker): Images {
  return {
    kinds: images.kinds,
    prepare: (source, ...more) => (source.type === "image" ? docker.prepare(source.image) : images.prepare(source, ...more)),
    fetchAhead: async (source) => {
      // Its first call hears of a failure.
      if (source.type === "image") await docker.prepare(source.image).catch(() => {});
    },
    prepareBlank: (kind) => images.prepareBlank(kind),
    layOut: (prepared) => images.layOut(prepared),
    addCode: (upload) => images.addCode(upload),
    hasCode: (digest) => images.hasCode(digest),
    planInstall: (source, namespace) => images.planInstall(source, namespace),
    removeUnused: (uses) => images.removeUnused(uses),
  };
}
