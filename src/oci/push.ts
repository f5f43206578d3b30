import { drop } from "./answer.ts";
import type { Connection, RegistryRequest } from "./connection.ts";
import { registryFailure } from "./failure.ts";
import type { BlobSource } from "./oci.ts";
import type { Answer } from "./transport.ts";

/** What is larger is sent in parts, of which one that breaks off is sent again. */
const partBytes = 16 * 1024 * 1024;
const failuresMax = 4;

type Push = Pick<RegistryRequest, "repository" | "actions">;

/** Sends a blob that is not there: at once where it is small, else in parts. */
export async function sendBlob(connection: Connection, push: Push, source: BlobSource, signal: AbortSignal): Promise<void> {
  let { location, bytes: start } = await begin(connection, push, signal);
  for (let failures = 0; source.size > partBytes && start < source.size; ) {
    const part: Part = { start, end: Math.min(source.size, start + partBytes) };
    try {
      location = await sendPart(connection, push, source, part, location, signal);
      start = part.end;
    } catch (error) {
      signal.throwIfAborted();
      if (++failures >= failuresMax) throw error;
      // What has come of it is the registry's to say; one that can't begins anew.
      const reached = await progress(connection, push, location, signal).catch(() => begin(connection, push, signal));
      location = reached.location;
      start = Math.min(source.size, reached.bytes);
    }
  }
  await finish(connection, push, source, start, location, signal);
}

/** Where a blob is sent to, and how much of it is there. */
interface Upload {
  readonly location: URL;
  readonly bytes: number;
}

async function begin(connection: Connection, push: Push, signal: AbortSignal): Promise<Upload> {
  const to = `${push.repository}/blobs/uploads/`;
  const answer = await connection.ask({ ...push, method: "POST", to, headers: { "content-length": "0" } }, [202], signal);
  drop(answer);
  return { location: locationOf(answer), bytes: 0 };
}

interface Part {
  readonly start: number;
  readonly end: number;
}

async function sendPart(
  connection: Connection,
  push: Push,
  source: BlobSource,
  { start, end }: Part,
  location: URL,
  signal: AbortSignal,
): Promise<URL> {
  const headers = {
    "content-type": "application/octet-stream",
    "content-length": String(end - start),
    "content-range": `${start}-${end - 1}`,
  };
  const body = source.read(start, end);
  const answer = await connection.ask({ ...push, method: "PATCH", to: location, headers, body }, [202], signal);
  drop(answer);
  return locationOf(answer);
}

async function progress(connection: Connection, push: Push, location: URL, signal: AbortSignal): Promise<Upload> {
  const answer = await connection.ask({ ...push, method: "GET", to: location }, [204], signal);
  drop(answer);
  const end = /-(\d+)$/.exec(answer.headers.range ?? "")?.[1];
  // "0-0" is said of nothing and of one byte; sending that byte twice would be wrong, so parts are longer.
  const bytes = end === undefined || end === "0" ? 0 : Number(end) + 1;
  return { location: answer.headers.location === undefined ? location : locationOf(answer), bytes };
}

/** What was not sent in parts comes with the end. */
async function finish(connection: Connection, push: Push, source: BlobSource, start: number, location: URL, signal: AbortSignal) {
  const to = new URL(location);
  to.searchParams.set("digest", source.digest);
  const rest = source.size - start;
  const headers = { "content-type": "application/octet-stream", "content-length": String(rest) };
  const body = rest === 0 ? {} : { body: source.read(start, source.size) };
  drop(await connection.ask({ ...push, method: "PUT", to, headers, ...body }, [201, 204], signal));
}

function locationOf({ headers: { location }, url }: Answer): URL {
  if (location === undefined) throw registryFailure(`${url.host} does not say where a blob is to be sent`);
  return new URL(location, url);
}
