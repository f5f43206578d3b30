/** The paths that code in a sandbox sees, as the host's own: there is no other file system to show. */
import { functionFolder, layersFolder, runtimeFolder } from "../sandbox.ts";
import { callbackSocket, type SpawnRequest } from "../spawner/messages.ts";

/** A command, environment and working folder for the host. */
export interface HostView {
  readonly command: readonly string[];
  readonly env: Record<string, string>;
  readonly folder: string;
}

/**
 * Rewrites `/function`, `/runtime`, `/opt` of functions with layers, and the end point's folder wherever a path begins with them, in arguments and
 * variables; but not in `PATH`, where the machine's own folders are.
 * `KILN_CODE` names the host folder of the code, for runtimes that are told of `/function` otherwise.
 */
export function hostView(request: SpawnRequest, socketFolder: string | null, path: string): HostView {
  const { endpoint } = request;
  const places: [inside: string, outside: string | null][] = [
    [functionFolder, request.code],
    ...(request.codePlace === undefined ? [] : [[request.codePlace, request.code] as [string, string | null]]),
    [runtimeFolder, request.runtime],
    ...(request.layers === undefined ? [] : [[layersFolder, request.layers] as [string, string | null]]),
    ...(endpoint.via === "unix" ? [[endpoint.folder, socketFolder] as [string, string | null]] : []),
  ];
  const rewrite = (text: string) => places.reduce((changed, [inside, outside]) => replacePath(changed, inside, outside), text);
  const env = Object.fromEntries(
    Object.entries(request.env).map(([name, value]) => [name, name === "PATH" ? value : rewrite(value)]),
  );
  return {
    command: request.command.map((argument, index) => (index === 0 ? programPath(rewrite(argument)) : rewrite(argument))),
    env: { PATH: path, HOME: request.folder, ...extra(request), ...env },
    folder: request.code ?? request.folder,
  };
}

function extra(request: SpawnRequest): Record<string, string> {
  const code: Record<string, string> = request.code === null ? {} : { KILN_CODE: request.code };
  if (request.endpoint.via === "callback") return { ...code, KILN_SOCKET: `${request.folder}/${callbackSocket}` };
  if (request.endpoint.via === "tcp") return { ...code, PORT: String(request.endpoint.port) };
  return code;
}

/** A path begins where no name goes on, and the folder ends where its name ends. */
function replacePath(text: string, inside: string, outside: string | null): string {
  if (outside === null) return text;
  const name = inside.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return text.replace(new RegExp(`(?<![\\w./-])${name}(?![\\w.-])`, "g"), () => outside);
}

/** Our own runtimes run on the Node that runs us, which need not be in the PATH. */
function programPath(program: string): string {
  return program === "node" ? process.execPath : program;
}
