/** Function code with its packages as people upload it: archives of folders. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

/** A folder, or some entries of it. */
export interface PackPart {
  readonly folder: string;
  readonly entries?: readonly string[];
}

/** A tar.gz of all parts laid over each other. Made by tar, which also keeps the links of `node_modules/.bin`. */
export async function pack(...parts: readonly PackPart[]): Promise<Buffer> {
  const from: string[] = [];
  for (const { folder, entries = ["."] } of parts) from.push("-C", folder, ...entries);
  const options = { encoding: "buffer", maxBuffer: 512 * 1024 * 1024, timeout: 60_000 } as const;
  const { stdout } = await promisify(execFile)("tar", ["-czf", "-", "--exclude=__pycache__", ...from], options);
  return stdout;
}
