/**
 * Builds the console into `dist/`, with each file also compressed, unless `dist/` is of these very sources already. The folder is
 * put in place whole, so a server that starts meanwhile sees the old or the new one.
 */
import { createHash } from "node:crypto";
import {
  chmodSync,
  existsSync,
  globSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = import.meta.dirname;
const dist = join(root, "dist");
const stampName = ".stamp";

const stamp = stampOfSources();
if (stampOf(dist) === stamp) {
  touchStamp();
} else {
  await build().catch((error: unknown) => {
    process.stderr.write(`kiln: ${(error as Error).message}\n`);
    process.exitCode = 1;
  });
}

async function build(): Promise<void> {
  const beganAt = performance.now();
  const folder = mkdtempSync(join(root, ".dist-"));
  try {
    const vite = await import("vite");
    await vite.build({
      configFile: join(root, "vite.config.ts"),
      logLevel: "warn",
      build: { outDir: folder, emptyOutDir: true },
    });
    compress(folder);
    writeFileSync(join(folder, stampName), stamp);
    // A server that runs as another user reads it too.
    chmodSync(folder, 0o755);
    rmSync(dist, { recursive: true, force: true });
    renameSync(folder, dist);
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    // Somebody else, who built the same at the same time, was first.
    if (stampOf(dist) !== stamp) throw error;
  }
  process.stderr.write(`kiln: built the console in ${Math.round(performance.now() - beganAt)} ms\n`);
}

/** Everything that what is built depends on. */
function stampOfSources(): string {
  const hash = createHash("sha256");
  const files = globSync("{src/**/*.{ts,tsx,css,svg},*.{html,json,ts}}", { cwd: root }).filter(
    (file) => !/\.test\.tsx?$/.test(file),
  );
  for (const file of files.toSorted()) hash.update(`${file}\0`).update(readFileSync(join(root, file)));
  return hash.digest("hex");
}

function stampOf(folder: string): string | undefined {
  const file = join(folder, stampName);
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/** The `kiln` script looks at times before it asks here. A folder of somebody else's stays as it is. */
function touchStamp(): void {
  try {
    utimesSync(join(dist, stampName), new Date(), new Date());
  } catch {
    // Then it asks again each time, which costs a moment and nothing else.
  }
}

/** `x.js.br` and `x.js.gz` beside `x.js`, once here instead of at each request. */
function compress(folder: string): void {
  for (const name of globSync("**/*.{html,js,css,svg}", { cwd: folder })) {
    const file = join(folder, name);
    const bytes = readFileSync(file);
    writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
    const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: statSync(file).size };
    writeFileSync(`${file}.br`, brotliCompressSync(bytes, { params }));
  }
}
