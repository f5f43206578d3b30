/** Stands in front of a registry, and holds some of its blobs back until it is told. */
import { createServer, get } from "node:http";
import type { AddressInfo } from "node:net";

export interface SlowRegistry {
  /** `127.0.0.1:PORT`. */
  readonly host: string;
  /** How often something was asked for that is held back. */
  readonly asked: () => number;
  /** From now on nothing is held back. */
  go(): void;
  stop(): Promise<void>;
}

/** `held`: digests. */
export async function slowRegistry(registry: string, held: readonly string[]): Promise<SlowRegistry> {
  const going = Promise.withResolvers<void>();
  let asked = 0;
  const [hostname, port] = registry.split(":");
  const proxy = createServer((request, response) => {
    const isHeld = held.includes(request.url?.split("/").at(-1) ?? "");
    if (isHeld) asked++;
    void (isHeld ? going.promise : Promise.resolve()).then(() => {
      get({ hostname, port, path: request.url, headers: { accept: request.headers.accept ?? "*/*" } }, (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(response);
      });
    });
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    asked: () => asked,
    go: () => going.resolve(),
    async stop() {
      going.resolve();
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}

/** The layers of an image. */
export const layersOf = ({ blobs }: { readonly blobs: readonly { readonly digest: string }[] }): string[] =>
  blobs.slice(1).map(({ digest }) => digest);
