import { PlatformError } from "../../model/error.ts";

/** Where the Docker Engine listens. */
export type EngineAddress = { readonly socketPath: string } | { readonly host: string; readonly port: number };

/** Where it listens unless somebody says otherwise. */
const usualSocket = "/var/run/docker.sock";

/** Of `unix:///path` or `tcp://host:port`, as in DOCKER_HOST; empty: the usual socket. Throws `invalid`. */
export function parseDockerHost(text: string): EngineAddress {
  if (text === "") return { socketPath: usualSocket };
  const socketPath = /^unix:\/\/(\/.+)$/.exec(text)?.[1];
  if (socketPath !== undefined) return { socketPath };
  if (/^(ssh|https|tls|npipe|fd):/.test(text)) throw otherWay(text);
  const url = text.startsWith("tcp://") ? URL.parse(text.replace("tcp:", "http:")) : null;
  if (url === null || url.hostname === "" || url.pathname !== "/") {
    throw new PlatformError("invalid", `The Docker host ${JSON.stringify(text)} is neither unix:///PATH nor tcp://HOST:PORT`);
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port: Number(url.port || 2375) };
}

/** For engines that are only reached by ways that this client does not speak: they are elsewhere, as a rule. */
export const socketFix =
  "Functions are reached by sockets that both see: run the server on Docker's machine, and name its socket as unix:///PATH";

/** Ways that Docker's own client speaks and this one does not. */
function otherWay(text: string): PlatformError {
  const [scheme = ""] = text.split(":");
  const what = scheme === "ssh" ? "over ssh" : scheme === "https" || scheme === "tls" ? "with TLS" : `by ${scheme}`;
  return new PlatformError("invalid", `The Docker host ${JSON.stringify(text)}: Docker is not spoken to ${what}. ${socketFix}`);
}

/** As people write it. */
export function addressText(address: EngineAddress): string {
  return "socketPath" in address ? `unix://${address.socketPath}` : `tcp://${address.host}:${address.port}`;
}
