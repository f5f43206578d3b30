import { isLoopbackHost } from "../http/loopback.ts";

/** What somebody is to know who comes from Fn, whose server listens on all addresses; null: others than this machine reach it. */
export function ownMachineOnly(url: string): string | null {
  const { hostname, port } = new URL(url);
  if (!isLoopbackHost(hostname)) return null;
  return `for this machine only: --listen 0.0.0.0:${port}, or POLYKILN_LISTEN, lets others in, who then need a key`;
}
