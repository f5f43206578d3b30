/** What the server sends, as far as this client reads it (the whole is in `/kiln/v1/openapi.json`). */

export interface AppAnswer {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, unknown>>;
  readonly syslogUrl: string | null;
  readonly revision: number;
  readonly updatedAt: string;
}

export interface FunctionAnswer {
  readonly id: string;
  readonly name: string;
  readonly app: string | null;
  readonly kind: string | null;
  readonly image: string | null;
  readonly codeDigest: string | null;
  /** Empty: the newest revision gets all calls. */
  readonly traffic: readonly { readonly revision: number; readonly weight: number }[];
  readonly protocol: string;
  readonly memoryMiB: number;
  readonly timeoutMs: number;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly revision: number;
  readonly updatedAt: string;
  readonly invokePath: string;
}

export interface KeyAnswer {
  readonly id: string;
  readonly createdAt: string;
}

export interface SigningAnswer {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

export interface MadeKeyAnswer extends KeyAnswer {
  readonly auth: string;
}

export interface RouteAnswer {
  readonly name: string;
  readonly app: string;
  readonly function: string;
  readonly source: string;
  readonly revision: number;
}

export interface ActivationAnswer {
  readonly id: string;
  readonly functionId: string;
  readonly function: string;
  readonly revision: number;
  readonly status: string;
  readonly start: string;
  readonly attempt: number;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly waitMs: number;
  readonly createMs: number;
  readonly initMs: number;
  readonly runMs: number;
}

export interface KindAnswer {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly default: boolean;
  readonly protocols: readonly string[];
  readonly description: string;
}

export interface NamespaceAnswer {
  readonly id: string;
  readonly name: string;
  readonly egress: string | readonly string[] | null;
  readonly createdAt: string;
}

export interface LogLineAnswer {
  readonly at: string;
  readonly stream: "stdout" | "stderr" | "platform";
  readonly text: string;
  readonly function: string;
  readonly functionId: string;
  readonly activationId: string;
}

/** What an asynchronous call answered. */
export interface ResultAnswer {
  readonly status: number;
  readonly encoding: "utf8" | "base64";
  readonly body: string;
}

/** A call that was given up. */
export interface DeadLetterAnswer {
  readonly id: string;
  readonly function: string;
  readonly attempts: number;
  readonly diedAt: string;
  readonly failures: readonly { readonly attempt: number; readonly code: string; readonly message: string }[];
}
