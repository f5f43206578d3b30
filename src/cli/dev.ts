import type { Command } from "commander";
import type { Run } from "./cli.ts";
import { runningDev } from "./connection.ts";
import { findProjectFolder } from "./project/project.ts";
import { announce } from "./dev/announce.ts";
import { type DevHost, joinServer, startHost } from "./dev/host.ts";
import { watchCalls } from "./dev/live-view.ts";
import { Swapper } from "./dev/swapper.ts";
import { watchProject } from "./dev/watcher.ts";
import { loadProject } from "./deploy.ts";
import { usage } from "./failure.ts";
import type { Session } from "./session.ts";

interface Flags {
  readonly app?: string;
  readonly listen?: string;
  readonly data?: string;
  readonly sandbox?: string;
}

/** `polykiln dev`. */
export function register(program: Command, run: Run): void {
  program
    .command("dev")
    .description("Serve this folder's functions, swap their code when a file is saved, and show every call, until Ctrl-C.")
    .argument("[folder]", "folder of the project")
    .option("--listen <host:port>", "address of the server it starts; port 0 takes a free one (default: 127.0.0.1:8080)")
    .option("--data <folder>", "where that server keeps its things")
    .option("--sandbox <driver>", "bubblewrap, or process (unprotected)")
    .option("--app <name>", "app to deploy into, in place of the file's")
    .addHelpText(
      "after",
      "\nWith --api-url or --context it uses that server and starts none. With --json each event is a line of JSON.",
    )
    .action(run(dev));
}

async function dev(session: Session, folder: string | undefined, flags: Flags): Promise<number> {
  const project = loadProject(session, folder, flags);
  const other = runningDev(project.folder, session.around.env);
  if (other !== null && other.folder === findProjectFolder(project.folder))
    throw usage(`dev runs for this folder already, as process ${other.pid} at ${other.url}`, "use that one, or stop it first");
  const host = await hostFor(session, project.folder, flags);
  try {
    return await serve(session, host, folder, flags);
  } finally {
    await host.close();
  }
}

function hostFor(session: Session, folder: string, flags: Flags): Promise<DevHost> {
  const { apiUrl, context } = session.flags;
  if (apiUrl !== undefined || context !== undefined) return Promise.resolve(joinServer(session));
  return startHost(session, folder, flags);
}

async function serve(session: Session, host: DevHost, folder: string | undefined, flags: Flags): Promise<number> {
  const { interrupted } = session.around;
  const swapper = new Swapper(session, host.client, host.namespace, () => loadProject(session, folder, flags));
  const project = await swapper.first();
  const stopped = Promise.race([aborted(interrupted), host.ended]);
  const watcher = await watchProject(project, (changed) => swapper.saved(changed));
  host.publish();
  announce(session, host, project);
  const stopView = new AbortController();
  const view = watchCalls(session, host, AbortSignal.any([interrupted, stopView.signal]));
  const code = await stopped;
  stopView.abort();
  await watcher.close();
  await swapper.idle();
  await view;
  return code;
}

function aborted(signal: AbortSignal): Promise<number> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(0);
    else signal.addEventListener("abort", () => resolve(0), { once: true });
  });
}
