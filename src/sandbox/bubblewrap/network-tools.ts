/** Whether sandboxes can be given networks on this machine, how, and what is missing. */
import { closeSync, constants, openSync } from "node:fs";
import type { NetworkWay } from "../egress/egress.ts";
import type { Missing } from "./capabilities.ts";

const packages: Readonly<Record<string, string>> = { ip: "iproute2", nft: "nftables" };

/** `has` tells whether a program is installed. Root needs nothing but tools; others need a program that connects for them. */
export function findNetwork(
  isRoot: boolean,
  has: (program: string) => boolean,
  tunDevice = "/dev/net/tun",
): { way: NetworkWay | null; missing: readonly Missing[] } {
  const tools = ["ip", "nft", "nsenter", ...(isRoot ? [] : ["unshare", "setpriv"])];
  const missing = tools.filter((program) => !has(program)).map(missingTool);
  const program = (["pasta", "slirp4netns"] as const).find(has) ?? null;
  const way = isRoot ? "root" : program;
  if (!isRoot && program === null) missing.push(missingProgram);
  const refusal = isRoot || program === null ? null : whyClosed(tunDevice);
  if (refusal !== null) missing.push(missingDevice(tunDevice, refusal));
  return { way: missing.length === 0 ? way : null, missing };
}

/** Null when it can be opened; opening it has no effect. */
function whyClosed(tunDevice: string): string | null {
  try {
    closeSync(openSync(tunDevice, constants.O_RDWR));
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

const why = "Functions can connect to nothing, as if their egress were `none`";

function missingTool(program: string): Missing {
  const fix = `Run \`apt-get install ${packages[program] ?? "util-linux"}\``;
  return { what: `The program ${program} is not installed`, why, fix };
}

const missingProgram: Missing = {
  what: "Functions have no network, because the server does not run as root and neither pasta nor slirp4netns is installed",
  why,
  fix: "Run `apt-get install passt`, or run the server as root; it gives up every privilege before it runs code",
};

function missingDevice(tunDevice: string, refusal: string): Missing {
  return {
    what: `Functions have no network, because the server does not run as root and its user cannot open ${tunDevice} (${refusal})`,
    why,
    fix: `Run \`modprobe tun; chmod 0666 ${tunDevice}\` as root, or run the server as root`,
  };
}
