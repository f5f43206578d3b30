/** Container images under Docker: the driver beside the one for code, and what the rest of the platform asks of such images. */
import { join } from "node:path";
import type { Config } from "../config/config.ts";
import type { Images, Prepared } from "../image/image.ts";
import type { World } from "../lib/world.ts";
import { PlatformError } from "../model/error.ts";
import type { ImageStart, Source } from "../model/model.ts";
import type { ImageUser } from "../oci/user.ts";
import { parseDockerHost } from "../sandbox/docker/address.ts";
import { DriverBeside } from "../sandbox/docker/beside.ts";
import { DockerDriver } from "../sandbox/docker/driver.ts";
import { DockerEngine } from "../sandbox/docker/engine.ts";
import { DockerImages, type ReadyImage } from "../sandbox/docker/images.ts";
import type { ContainerNetworks } from "../sandbox/egress/egress.ts";
import type { SandboxDriver } from "../sandbox/sandbox.ts";
import type { Logger } from "../telemetry/logger.ts";

type ImageSource = Extract<Source, { type: "image" }>;

/** What a platform with `images` set to `docker` is made of. */
export interface Docker {
  /** `files` for code, Docker for images. */
  beside(files: SandboxDriver): SandboxDriver;
  /** What a function of this image is started with; pulled, where Docker does not have it. Rejects as `DockerImages.ready`. */
  readonly prepare: (source: ImageSource) => Promise<Prepared>;
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
  let driver: DockerDriver | null = null;
  return {
    beside(files) {
      const networks = files.networks ?? null;
      if (networks === null && config.dockerNetwork === "none") logger.warn(noNetworks.sentence, { fix: noNetworks.fix });
      driver = openDriver(config, world, logger, engine, networks);
      return new DriverBeside(files, driver);
    },
    async prepare({ image: name, start }) {
      await driver?.found;
      const image = await images.ready(name);
      if (driver === null) throw new PlatformError("internal", "An image is wanted before there is a driver for it");
      return preparedOf(name, image, start, await driver.users.of(name, image.id, image.user));
    },
  };
}

const noNetworks = {
  sentence: "Functions of images connect to nothing: there are no networks that we guard",
  fix: "Run the server as root, with nft, ip and nsenter, or name a Docker network that you guard by POLYKILN_DOCKER_NETWORK",
};

function openDriver(
  config: Config,
  world: World,
  logger: Logger,
  engine: DockerEngine,
  networks: ContainerNetworks | null,
): DockerDriver {
  return new DockerDriver({
    world,
    engine,
    warn: (sentence, fields) => logger.warn(sentence, { reason: JSON.stringify(fields) }),
    idFile: join(config.data, "docker-id"),
    network: config.dockerNetwork,
    networks,
    shared: config.iofsPath === "" ? null : { here: config.iofsPath, there: config.iofsDockerPath || config.iofsPath },
  });
}

/** What the image itself says counts, but for what every sandbox is told. */
function preparedOf(name: string, image: ReadyImage, start: ImageStart = {}, user: ImageUser): Prepared {
  const { id, env } = image;
  const command = [...(start.entryPoint ?? image.entryPoint), ...(start.command ?? image.command)];
  return {
    root: null,
    image: id,
    code: null,
    runtime: null,
    path: env["PATH"] ?? usualPath,
    shimCommand: null,
    command: () => {
      if (command.length > 0) return command;
      throw new PlatformError("invalid", `The image ${name} does not say what to start: give it an ENTRYPOINT or a CMD`);
    },
    env,
    workingFolder: start.workingFolder ?? image.workingFolder,
    user,
  };
}

/** The same room with images of Docker. */
export function withDocker(images: Images, docker: Docker): Images {
  return {
    kinds: images.kinds,
    prepare: (source, ...more) => (source.type === "image" ? docker.prepare(source) : images.prepare(source, ...more)),
    fetchAhead: async (source) => {
      // Its first call hears of a failure.
      if (source.type === "image") await docker.prepare(source).catch(() => {});
    },
    prepareBlank: (kind) => images.prepareBlank(kind),
    layOut: (prepared) => images.layOut(prepared),
    addCode: (upload) => images.addCode(upload),
    findCode: (digest) => images.findCode(digest),
    extensionsIn: (digest) => images.extensionsIn(digest),
    codeAsSent: (digest) => images.codeAsSent(digest),
    planInstall: (source, namespace) => images.planInstall(source, namespace),
    removeUnused: (uses) => images.removeUnused(uses),
  };
}
