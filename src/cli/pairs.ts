import { usage } from "./failure.ts";

/** Config with `NAME=VALUE` pairs set and names taken out. */
export function configFrom(
  before: Readonly<Record<string, string>>,
  pairs: readonly string[] = [],
  unset: readonly string[] = [],
): Record<string, string> {
  const config = { ...before, ...pairsFrom(pairs, "--config") };
  for (const name of unset) delete config[name];
  return config;
}

/** `NAME=VALUE` pairs of a flag. */
export function pairsFrom(pairs: readonly string[], flag: string): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf("=");
      if (at < 1) throw usage(`${flag} ${JSON.stringify(pair.slice(0, 60))} is not NAME=VALUE`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}
