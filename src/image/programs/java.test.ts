import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import type { ProtocolName } from "../../model/model.ts";
import { rootLayout } from "../layout.ts";
import { javaMemory, javaProgram } from "./java.ts";

const kit = "PK…com/fnproject/fn/runtime/EntryPoint.class…";

/** The end of the command, behind Java's own options, for code of these files. */
async function commandOf(
  files: Readonly<Record<string, string>>,
  handler: string | null,
  protocol: ProtocolName,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "java-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const [program, ...args] = (await javaProgram("java:17", { folder: folder, layers: null }, handler, rootLayout))(protocol);
    assert.equal(program, "/usr/bin/java");
    return args.filter((arg) => !/^-[XD]/.test(arg)).join(" ");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("the kit runs a method; jars come after our own classes and the code's, in order", async () => {
  const files = {
    "com/example/Hello.class": "",
    "b.jar": "",
    "a.jar": "",
    "lib/runtime.jar": kit,
    "app/x.jar": "",
    "other/y.jar": "",
  };
  const jars = ["a.jar", "b.jar", "lib/runtime.jar", "app/x.jar"].map((name) => `/function/${name}`);
  assert.equal(
    await commandOf(files, "com.example.Hello::handle", "http-stream"),
    `-cp ${["/runtime/kiln.jar", "/function", ...jars].join(":")} com.fnproject.fn.runtime.EntryPoint com.example.Hello::handle`,
  );
  const unpacked = { "com/fnproject/fn/runtime/EntryPoint.class": "" };
  assert.match(await commandOf(unpacked, "Hello::handle", "http-stream"), /EntryPoint Hello::handle$/);
});

test("a program without the kit: by the handler's class, a manifest, or the only jar", async () => {
  assert.match(await commandOf({}, "com.example.Main", "stdio"), /^-cp \/runtime\/kiln\.jar:\/function com\.example\.Main$/);
  const manifest = "Manifest-Version: 1.0\r\nMain-Class: com.example.Main\r\n";
  assert.match(await commandOf({ "META-INF/MANIFEST.MF": manifest }, null, "http-port"), / com\.example\.Main$/);
  assert.equal(await commandOf({ "app.jar": "", "lib/a.jar": "" }, null, "stdio-json"), "-jar /function/app.jar");
});

const refusals: readonly (readonly [files: Readonly<Record<string, string>>, handler: string | null, ProtocolName, RegExp])[] = [
  [{ "a.jar": kit }, null, "http-stream", /needs a handler such as .*, and it is missing/],
  [{ "a.jar": kit }, "index.handler", "http-stream", /and it is "index\.handler"/],
  [{ "a.jar": kit }, "Hello::handle -Dx=1", "http-stream", /and it is "Hello::handle -Dx=1"/],
  [{ "a.jar": "" }, "Hello::handle", "http-stream", /needs Fn's kit in the code/],
  [{ "a.jar": "", "b.jar": "" }, null, "stdio", /its top folder has a\.jar, b\.jar/],
];

for (const [files, handler, protocol, message] of refusals) {
  test(`refused: ${Object.keys(files).join()} as ${handler} for ${protocol}`, async () => {
    await assert.rejects(commandOf(files, handler, protocol), message);
  });
}

test("Java's memory by the sandbox's, unless the function says its own", () => {
  const small = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
  assert.deepEqual(javaMemory(128, {}), ["-Xmx64m", ...small]);
  assert.deepEqual(javaMemory(1024, {}), ["-Xmx768m", ...small]);
  assert.deepEqual(javaMemory(2048, {}), ["-Xmx1792m"]);
  const own = { JAVA_TOOL_OPTIONS: "-Xmx100m -XX:+UseG1GC -XX:TieredStopAtLevel=4" };
  assert.deepEqual(javaMemory(512, own), []);
});
