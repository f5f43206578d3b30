/** A registry of npm packages on this machine: good ones, broken ones, and one that does not answer. */
import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { makeTar } from "./archives.ts";

export interface RegistryPackage {
  readonly name: string;
  readonly version: string;
  /** Besides `package.json`. */
  readonly files?: Readonly<Record<string, string | Buffer>>;
  /** More of `package.json`. */
  readonly manifest?: Readonly<Record<string, unknown>>;
  /** Where its archive is said to be, instead of here. */
  readonly tarball?: string;
}

export interface Registry {
  readonly url: string;
  /** Paths that were asked for. */
  readonly asked: string[];
  /** Questions are left without an answer while it is true. */
  silent: boolean;
  /** Called for each question that is. */
  onSilence: () => void;
  /** Questions wait from now on, until the result is called. */
  holdBack(): () => void;
  add(more: RegistryPackage): void;
  /** What a lockfile says of a package. */
  lock(name: string, version: string): { version: string; resolved: string; integrity: string };
  close(): Promise<void>;
}

export async function startRegistry(first: readonly RegistryPackage[]): Promise<Registry> {
  const packages: RegistryPackage[] = [];
  const archives = new Map<string, Buffer>();
  const add = (more: RegistryPackage) => {
    packages.push(more);
    archives.set(archivePath(more.name, more.version), archiveOf(more));
  };
  for (const each of first) add(each);
  let going = Promise.resolve();
  const server = createServer(async (request, response) => {
    await going;
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname);
    registry.asked.push(path);
    if (registry.silent) return registry.onSilence();
    const archive = archives.get(path);
    const versions = packages.filter(({ name }) => `/${name}` === path);
    if (archive !== undefined) response.end(archive);
    else if (versions.length > 0) response.setHeader("content-type", "application/json").end(JSON.stringify(document(versions)));
    else response.writeHead(404, { "content-type": "application/json" }).end('{"error":"Not found"}');
  });
  const lock = (name: string, version: string) => {
    const path = archivePath(name, version);
    return { version, resolved: registry.url + path.slice(1), integrity: integrityOf(archives.get(path) as Buffer) };
  };
  const document = (versions: readonly RegistryPackage[]) => ({
    name: versions[0]?.name,
    "dist-tags": { latest: versions.at(-1)?.version },
    versions: Object.fromEntries(
      versions.map(({ name, version, manifest, tarball }) => {
        const { resolved, integrity } = lock(name, version);
        return [version, { name, version, ...manifest, dist: { tarball: tarball ?? resolved, integrity } }];
      }),
    ),
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const registry: Registry = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    asked: [],
    silent: false,
    onSilence: () => {},
    holdBack() {
      const { promise, resolve } = Promise.withResolvers<void>();
      going = promise;
      return resolve;
    },
    add,
    lock,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return registry;
}

const archivePath = (name: string, version: string) => `/${name}/-/${name}-${version}.tgz`;

function archiveOf({ name, version, files = {}, manifest }: RegistryPackage): Buffer {
  const all = { "package.json": JSON.stringify({ name, version, ...manifest }), ...files };
  return gzipSync(makeTar(Object.entries(all).map(([path, data]) => ({ name: `package/${path}`, data, mode: 0o755 }))));
}

const integrityOf = (bytes: Buffer) => `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
