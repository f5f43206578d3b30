import { open, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "../../model/error.ts";
import { compiledFolder } from "../compilers/compiler.ts";
import type { Layout } from "../layout.ts";
import { javaActions, javaClasses, javaTrustStore } from "../roots/java-shim.ts";
import { gsonJar } from "../roots/recipes.ts";
import { type CodeFolders, type FindProgram, nothingToRun, topFiles } from "./program.ts";

/** Where jars are looked for: beside the code, and as `lib` or as Fn's images have them in `app`. */
const jarFolders = ["", "lib", "app"] as const;

/** Where Lambda looks for those of layers. */
const sharedJars = "java/lib";

/** Classes may lie at the top or in here. */
const classFolder = "classes";

const kitMain = "com.fnproject.fn.runtime.EntryPoint";
const lambdaMain = "com.amazonaws.services.lambda.runtime.api.client.AWSLambda";

/** A method of a class, as Fn's kit wants it, and a class: one with a main method, or with Lambda's interface. */
const methodRule = /^[\w$]+(?:\.[\w$]+)*::[\w$]+$/;
const classRule = /^[\w$]+(?:\.[\w$]+)*$/;

/**
 * Of the sandbox's memory Java needs a part beside its heap, which by itself it would make a quarter of what the machine has. On one
 * processor collecting has no use for threads, and the slower of the two compilers costs a first call more than most functions ever get
 * back of it (1.1 s of processor become 0.6 s with Fn's kit). What the function's own `JAVA_TOOL_OPTIONS` say stands.
 */
export function javaMemory(memoryMiB: number, env: Readonly<Record<string, string>>): readonly string[] {
  const own = `${env["JAVA_TOOL_OPTIONS"] ?? ""} ${env["JDK_JAVA_OPTIONS"] ?? ""}`;
  const heapMiB = Math.max(Math.floor(memoryMiB / 2), memoryMiB - besideMiB);
  return [
    ...(/-Xmx|RAMPercentage/.test(own) ? [] : [`-Xmx${heapMiB}m`]),
    ...(memoryMiB >= manyMiB || /Use\w+GC/.test(own) ? [] : ["-XX:+UseSerialGC"]),
    ...(memoryMiB >= manyMiB || /Tiered/.test(own) ? [] : ["-XX:TieredStopAtLevel=1"]),
  ];
}

/** Code, threads and classes of a large program; what has a second processor. */
const besideMiB = 256;
const manyMiB = 1793;

/**
 * Fn's kit with the handler for http-stream; else the class that the handler names, or the one that the code's only jar, or its own
 * manifest, calls Main-Class.
 */
export async function javaProgram(
  kind: string,
  { folder, layers }: CodeFolders,
  handler: string | null,
  layout: Layout,
): Promise<FindProgram> {
  const shared = layers === null ? [] : await sharedJarsIn(layers);
  const [files, jars] = [await topFiles(folder), await jarsIn(folder)];
  const hasClasses = (await stat(join(folder, classFolder)).catch(() => null))?.isDirectory() === true;
  const isThere = async (name: string) =>
    (await findClass(name, folder, jars)) || (layers !== null && (await findClass(name, layers, shared)));
  const [hasKit, hasLambdaClient] = await Promise.all([kitMain, lambdaMain].map(isThere));
  const main = await mainClassIn(folder);
  const java = (...args: readonly string[]) => [layout.java, ...options(layout), ...args];
  const places = [layout.code, ...(hasClasses ? [`${layout.code}/${classFolder}`] : [])];
  const classPath = [
    `${layout.runtime}/${javaClasses}`,
    ...places,
    ...jars.map((jar) => `${layout.code}/${jar}`),
    ...shared.map((jar) => `${layout.layers}/${jar}`),
  ].join(":");
  return (protocol) => {
    if (protocol === "http-stream") {
      if (handler === null || !methodRule.test(handler)) throw noMethod(handler);
      if (!hasKit) throw noKit();
      return java("-cp", classPath, kitMain, handler);
    }
    if (protocol === "runtime-api") {
      if (!hasLambdaClient) throw noLambdaClient();
      return java("-cp", classPath, lambdaMain, handler ?? "");
    }
    if (handler !== null && classRule.test(handler)) return java("-cp", classPath, handler);
    if (main !== null) return java("-cp", classPath, main);
    const top = jars.filter((jar) => !jar.includes("/"));
    if (handler === null && top.length === 1) return java("-jar", `${layout.code}/${top[0]}`);
    throw nothingToRun(kind, "a handler that names a class with a main method, or a single jar with a Main-Class", files);
  };
}

/** What serves a class with a method `main(JsonObject)`. */
export function javaAction(layout: Layout): readonly string[] {
  const places = [`${layout.runtime}/${javaActions}`, `/${gsonJar}`, `${layout.code}/${compiledFolder}`, layout.code];
  // The environment can only be changed from inside.
  const opened = ["--add-opens", "java.base/java.util=ALL-UNNAMED"];
  return [layout.java, ...options(layout), ...opened, "-cp", places.join(":"), "polykiln.Action"];
}

/** A start is most of what many sandboxes do, so nothing is written that tools outside would read, and classes come from Java's archive. */
function options({ runtime }: Layout): readonly string[] {
  const store = [`-Djavax.net.ssl.trustStore=${runtime}/${javaTrustStore}`, "-Djavax.net.ssl.trustStoreType=jks"];
  return ["-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Xshare:auto", "-Djava.awt.headless=true", ...store];
}

/** Those that layers bring. */
async function sharedJarsIn(layers: string): Promise<string[]> {
  const names = await readdir(join(layers, sharedJars)).catch(() => []);
  return names.filter((name) => name.endsWith(".jar")).map((name) => `${sharedJars}/${name}`);
}

async function jarsIn(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const place of jarFolders) {
    const names = await readdir(join(folder, place)).catch(() => []);
    for (const name of names.toSorted()) if (name.endsWith(".jar")) found.push(place === "" ? name : `${place}/${name}`);
  }
  return found;
}

/** `Main-Class` of a jar that was unpacked. */
async function mainClassIn(folder: string): Promise<string | null> {
  const manifest = await readFile(join(folder, "META-INF/MANIFEST.MF"), "utf8").catch(() => "");
  return /^Main-Class: *([\w$.]+)\s*$/m.exec(manifest)?.[1] ?? null;
}

async function findClass(name: string, folder: string, jars: readonly string[]): Promise<boolean> {
  const path = `${name.replaceAll(".", "/")}.class`;
  if (await stat(join(folder, path)).catch(() => null)) return true;
  for (const jar of jars) if (await lists(join(folder, jar), path)) return true;
  return false;
}

/** What a zip's directory may have, which lies at its end. */
const directoryBytesMax = 8 * 1024 * 1024;

/** Whether a zip's directory names a path; the name alone is enough to go by, as Java itself has the last word. */
async function lists(file: string, path: string): Promise<boolean> {
  const handle = await open(file, "r");
  try {
    const { size } = await handle.stat();
    const end = Buffer.alloc(Math.min(size, directoryBytesMax));
    await handle.read(end, 0, end.length, size - end.length);
    return end.includes(path, 0, "latin1");
  } finally {
    await handle.close();
  }
}

function noMethod(handler: string | null): PlatformError {
  const given = handler === null ? "missing" : JSON.stringify(handler.slice(0, 120));
  const message = `Protocol http-stream for Java needs a handler such as com.example.Hello::handle, and it is ${given}`;
  return new PlatformError("invalid", message);
}

function noKit(): PlatformError {
  const message =
    "Protocol http-stream for Java needs Fn's kit in the code: add the jars of com.fnproject.fn:runtime and what it depends on (`mvn dependency:copy-dependencies` puts them into one folder), at the top, in lib or in app";
  return new PlatformError("invalid", message);
}

function noLambdaClient(): PlatformError {
  const message =
    "Protocol runtime-api for Java needs Lambda's client: add the jars of com.amazonaws:aws-lambda-java-runtime-interface-client and what it depends on to the code, at the top or in lib, or to a layer, in java/lib, or give the function a command";
  return new PlatformError("invalid", message);
}
