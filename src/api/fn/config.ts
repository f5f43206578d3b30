/** Config of apps and functions: string to string, merged key by key. */
import { sameRecord } from "./annotations.ts";
import { invalid } from "./errors.ts";
import { fnLimits } from "./limits.ts";

type Config = Readonly<Record<string, string>>;
type Given = ReadonlyMap<string, string> | undefined;

/** The config of something new; empty values are kept. Throws `invalid`. */
export function newConfig(given: Given): Config {
  return checked(Object.fromEntries(given ?? []));
}

/** What is stored with a change merged in: "" deletes. The same object when nothing changed. Throws `invalid`. */
export function mergedConfig(stored: Config, given: Given): Config {
  const merged = new Map(Object.entries(stored));
  for (const [key, value] of given ?? []) {
    if (value === "") merged.delete(key);
    else merged.set(key, value);
  }
  const next = Object.fromEntries(merged);
  return sameRecord(stored, next) ? stored : checked(next);
}

function checked(config: Config): Config {
  let bytes = 0;
  for (const [key, value] of Object.entries(config)) bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  if (bytes <= fnLimits.configBytesMax) return config;
  throw invalid(`config has ${bytes} bytes of keys and values, at most ${fnLimits.configBytesMax} are allowed`);
}
