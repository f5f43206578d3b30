import { printable } from "../lib/printable.ts";
import { PlatformError } from "../model/error.ts";

/** What is shown of a registry's own words. */
const wordsMax = 300;

/** Why a registry did not do what was asked, in a few words; `status`: its 4xx. */
export function registryFailure(reason: string, { status, cause }: { status?: number; cause?: unknown } = {}): PlatformError {
  return new PlatformError("registry_failed", reason, { details: status === undefined ? {} : { status }, cause });
}

/** What a connection's error means to whoever wanted the image. */
export function networkFailure(error: unknown, { host, hostname }: URL): PlatformError {
  if (error instanceof PlatformError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  switch (code) {
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return registryFailure(`the name ${hostname} cannot be found (${code})`, { cause: error });
    case "ECONNREFUSED":
      return registryFailure(`${host} refuses connections`, { cause: error });
    case "ECONNRESET":
    case "EPIPE":
      return registryFailure(`${host} broke the connection off`, { cause: error });
    default:
      return registryFailure(`${host}: ${shown(error instanceof Error ? error.message : String(error))}`, { cause: error });
  }
}

/** Whether an error says that the other side does not speak TLS. */
export function speaksNoTls(error: unknown): boolean {
  const cause = error instanceof PlatformError ? error.cause : error;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return (
    code === "EPROTO" || code === "ECONNRESET" || /^ERR_SSL_(WRONG_VERSION|PACKET_LENGTH|HTTP_REQUEST|UNSUPPORTED)/.test(code)
  );
}

/** An answer's reason in the form that registries give it, `{errors: [{code, message}]}`, or else its status. */
export function reasonOf(status: number, body: string): string {
  const said = saidBy(body);
  return said === null ? `the registry answered ${status}` : `${shown(said)} (the registry answered ${status})`;
}

function saidBy(body: string): string | null {
  try {
    const { errors } = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] };
    const { code, message } = errors?.[0] ?? {};
    const word = typeof code === "string" ? code.toLowerCase().replaceAll("_", " ") : "";
    if (typeof message !== "string" || message === "") return word === "" ? null : word;
    return word === "" || message.toLowerCase().startsWith(word) ? message : `${word}: ${message}`;
  } catch {
    return null;
  }
}

function shown(text: string): string {
  return printable(text.slice(0, wordsMax));
}
