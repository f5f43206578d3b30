/** Lambda's door, and the keys that its clients sign with. */
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  lambdaBodyBytesMax,
  type LambdaContext,
  lambdaInvoke,
  lambdaManagement,
  lambdaStream,
  lambdaUrls,
} from "../api/lambda/lambda.ts";
import { NotesCache } from "../api/lambda/notes.ts";
import { Readying } from "../api/lambda/readying.ts";
import { readStanding } from "../api/lambda/standing.ts";
import { datePrefixes, invokeRoute, streamRoute } from "../api/lambda/paths.ts";
import { urlHostRoute, urlHostsBelow, urlRoute } from "../api/lambda/url/paths.ts";
import type { Identifier } from "../auth/auth.ts";
import { firstNamespace } from "../auth/keys.ts";
import { SignatureVerifier } from "../auth/signature.ts";
import { SigningKeys } from "../auth/signing-keys.ts";
import type { Config } from "../config/config.ts";
import type { Framework } from "../http/framework.ts";
import type { FastRoute } from "../http/http.ts";
import type { World } from "../lib/world.ts";
import type { Keys } from "../store/store.ts";

const secretBytes = 32;

/** Keys that requests are signed with, by the secret in the data folder, which is made where there is none; only its owner reads it. */
export function openSigningKeys(data: string): SigningKeys {
  const file = join(data, "signing.key");
  try {
    writeFileSync(file, randomBytes(secretBytes), { mode: 0o600, flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  const secret = readFileSync(file);
  if (secret.length < secretBytes)
    throw new Error(`${file} has ${secret.length} bytes and should have ${secretBytes}: remove it for a new one`);
  return new SigningKeys(secret);
}

/** What the door makes itself. */
type Own = "notes" | "readying" | "signatures" | "anybody" | "identity" | "seal" | "urlHosts" | "functionOrigin";

export interface LambdaDoorParts extends Omit<LambdaContext, Own> {
  readonly config: Config;
  readonly keys: Pick<Keys, "get">;
  readonly pairs: SigningKeys;
  readonly world: World;
}

export interface LambdaDoor {
  /** Hears of keys that were removed. */
  readonly signatures: SignatureVerifier;
  /** Everything but calls. */
  mount(framework: Framework): void;
  /** Calls, for the listener. */
  readonly routes: readonly FastRoute[];
  /** Reads what has to be known before the first call. */
  open(): Promise<void>;
  /** Ends what goes on behind answers; before the agent is closed. */
  close(): Promise<void>;
}

export function openLambdaDoor({ config, keys, pairs, ...parts }: LambdaDoorParts): LambdaDoor {
  const identity = { account: config.lambdaAccount, region: config.lambdaRegion };
  const signatures = new SignatureVerifier({ keys, pairs, world: parts.world, region: identity.region, service: "lambda" });
  const anybody = config.lambdaSignatures === "any" ? { name: "local", namespaces: [firstNamespace] } : null;
  const notes = new NotesCache(parts.store.notes);
  const readying = new Readying({ ...parts, notes });
  const context: LambdaContext = {
    ...parts,
    notes,
    readying,
    signatures,
    anybody,
    identity,
    seal: (text) => pairs.seal(text),
    urlHosts: urlHostsBelow(config),
    functionOrigin: config.functionOrigin,
  };
  const urls = lambdaUrls(context);
  return {
    open: () => readStanding(context),
    close: () => readying.close(),
    signatures,
    mount(framework) {
      const handler = lambdaManagement(context);
      for (const prefix of datePrefixes) framework.mount(prefix, handler, lambdaBodyBytesMax);
    },
    routes: [
      { ...invokeRoute, handler: lambdaInvoke(context) },
      { ...streamRoute, handler: lambdaStream(context) },
      { ...urlRoute, handler: urls },
      { ...urlHostRoute, handler: urls },
    ],
  };
}

/** Says to both that a key is refused from now on. */
export function forgetting(identifier: Identifier, signatures: Pick<SignatureVerifier, "forget">): Identifier {
  return {
    identify: (credentials) => identifier.identify(credentials),
    forget(keyId) {
      identifier.forget(keyId);
      signatures.forget(keyId);
    },
  };
}
