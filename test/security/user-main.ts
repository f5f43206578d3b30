/** The platform's program as an ordinary user's, who may open a device of tunnels: `program` of a test's platform, whose data folder is that user's. */
import { join } from "node:path";
import { tunDevice, userId } from "./egress-machine.ts";

const main = join(import.meta.dirname, "../../src/roles/main.ts");
const user = `setpriv --reuid=${userId} --regid=${userId} --clear-groups`;
const script = `exec unshare --mount sh -c '${tunDevice}; cd /; exec ${user} "$@"' kiln "$@"`;
const command = [process.execPath, ...process.execArgv, main, ...process.argv.slice(2)];
// The process stays the same, so that signals reach the server.
process.execve?.("/bin/sh", ["sh", "-c", script, "kiln", ...command]);
