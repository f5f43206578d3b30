import { mkdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { gsonJar, javaHome } from "./recipes.ts";
import { madeShim, type ShimBuild } from "./shim.ts";
import { runTool } from "./tool.ts";

const makeTimeoutMs = 60_000;
const certificates = "/etc/ssl/certs/ca-certificates.crt";

/** The classes of our part of Java's kind, and the store of those that it trusts. */
export const javaClasses = "kiln.jar";
export const javaTrustStore = "cacerts";
/** What serves OpenWhisk's handlers; only where their library is. */
export const javaActions = "actions.jar";

/**
 * Our part for Java, compiled: `tools`, the host folder of a root with the compiler; null: the host's own compiler. Its programs are run
 * as the host's: they are the distribution's, and a compiler reads nothing but what it is told.
 */
export function compiledJavaShim(build: ShimBuild & { readonly tools: string | null }): Promise<string> {
  const { tools, source, say } = build;
  const program = (name: string) => (tools === null ? name : join(tools, javaHome, "bin", name));
  return madeShim(build, {
    name: "java",
    interpreter: tools === null ? "host" : basename(dirname(tools)),
    isPart: (path) => path.endsWith(".java"),
    async make(folder) {
      const compile = async (target: string, names: readonly string[], library: readonly string[]) => {
        const classes = join(folder, "classes");
        await mkdir(classes);
        const sources = names.map((name) => join(source, `${name}.java`));
        await runTool(program("javac"), ["--release", "17", ...library, "-d", classes, ...sources], makeTimeoutMs, say);
        await runTool(program("jar"), ["--create", "--file", join(folder, target), "-C", classes, "."], makeTimeoutMs, say);
        await rm(classes, { recursive: true });
      };
      await compile(javaClasses, ["UnixSocketNative", "TrustStore"], []);
      if (tools !== null)
        await compile(javaActions, ["Action", "ActionCalls", "Connection", "Marks"], ["-cp", join(tools, gsonJar)]);
      const store = ["-cp", join(folder, javaClasses), "polykiln.TrustStore", certificates, join(folder, javaTrustStore)];
      await runTool(program("java"), store, makeTimeoutMs, say);
    },
  });
}
