/**
 * Packet filters of servers that were killed together with their spawner and whose data is gone, so that no start on that data removes
 * them. Each would look at every packet of the machine, loopback's too.
 */
import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { forceForwarding, ipv4Forwarding } from "./machine-routes.ts";
import { linkOf } from "./rules.ts";

const run = promisify(execFile);
const runMsMax = 20_000;

/**
 * Removes the tables whose interface is gone, which it is as soon as a server's router is, and switches forwarding off where such a table
 * guarded what its server had switched on; who still needs it switches it on again at its next look. `path` is where `nft` is.
 */
export async function removeDeadTables(path: string): Promise<void> {
  const nft = async (...args: string[]) => (await run("nft", args, { env: { PATH: path }, timeout: runMsMax })).stdout;
  for (const table of tablesIn(await nft("list", "tables"))) {
    if (existsSync(ipv4Forwarding(linkOf(table)))) continue;
    // Another server may remove it at the same moment.
    const text = await nft("list", "table", "inet", table).catch(() => "");
    const switches = guardedIn(text).flatMap((name) => [ipv4Forwarding(name), forceForwarding(name)]);
    for (const file of switches) if (existsSync(file)) writeFileSync(file, "0");
    await nft("delete", "table", "inet", table).catch(() => {});
  }
}

/** Names of our tables in what `nft list tables` says. */
export function tablesIn(text: string): string[] {
  return [...text.matchAll(/^table inet (polykiln-[0-9a-z]{8,})$/gm)].map(([, name]) => name as string);
}

/** Interfaces that forwarded nothing before a server came, in the text of its table. */
export function guardedIn(text: string): string[] {
  const [, names = ""] = /iifname (\{[^}]*\}|"[^"]*") oifname != "kiln\*" drop/.exec(text) ?? [];
  return [...names.matchAll(/"([^"]+)"/g)].map(([, name]) => name as string);
}
