import { readFile } from "node:fs/promises";
import { publicRegistry } from "./reference.ts";
import { registryFailure } from "./failure.ts";

/** What somebody proves to a registry who they are with. */
export type Credentials =
  | { readonly type: "password"; readonly user: string; readonly password: string }
  /** For getting tokens, instead of a password. */
  | { readonly type: "identity"; readonly token: string }
  /** A token that is sent as it is. */
  | { readonly type: "token"; readonly token: string };

/** Under what name clients have always kept those for the public registry. */
const publicKey = "index.docker.io";

interface CredentialsDocument {
  readonly auths?: Readonly<Record<string, Entry | null>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

interface Entry {
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

export interface FoundCredentials {
  readonly credentials: Credentials | null;
  /** Those of this registry are in a program of the user's, which is not asked. */
  readonly elsewhere: boolean;
}

const none: FoundCredentials = { credentials: null, elsewhere: false };

/** The credentials for a registry in Docker's `config.json`; none where there is no such file. Throws `registry_failed` for one that can't be read. */
export async function findCredentials(file: string, registry: string): Promise<FoundCredentials> {
  const document = file === "" ? null : await readDocument(file);
  if (document === null) return none;
  for (const [key, entry] of Object.entries(document.auths ?? {})) {
    const credentials = hostOf(key) === keyOf(registry) ? credentialsOf(entry ?? {}) : null;
    if (credentials !== null) return { credentials, elsewhere: false };
  }
  const helpers = Object.keys(document.credHelpers ?? {}).map(hostOf);
  return { credentials: null, elsewhere: (document.credsStore ?? "") !== "" || helpers.includes(keyOf(registry)) };
}

async function readDocument(file: string): Promise<CredentialsDocument | null> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw registryFailure("the file of credentials for registries cannot be read", { cause });
  }
  try {
    const document: unknown = JSON.parse(text);
    if (typeof document === "object" && document !== null) return document as CredentialsDocument;
  } catch {
    // Its text may hold a secret, and so may the parser's message.
  }
  throw registryFailure("the file of credentials for registries is no JSON object");
}

function keyOf(registry: string): string {
  return registry === publicRegistry ? publicKey : registry;
}

/** Keys are hosts, or addresses of an older interface. */
function hostOf(key: string): string {
  return key.replace(/^https?:\/\//, "").split("/")[0] ?? "";
}

function credentialsOf(entry: Entry): Credentials | null {
  if (entry.registrytoken) return { type: "token", token: entry.registrytoken };
  if (entry.identitytoken) return { type: "identity", token: entry.identitytoken };
  if (entry.username && entry.password) return { type: "password", user: entry.username, password: entry.password };
  const pair = Buffer.from(entry.auth ?? "", "base64").toString();
  const colon = pair.indexOf(":");
  // Some clients end the password with zero bytes.
  return colon < 1 ? null : { type: "password", user: pair.slice(0, colon), password: pair.slice(colon + 1).replace(/\0+$/, "") };
}
