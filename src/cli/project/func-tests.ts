import { existsSync } from "node:fs";
import { join } from "node:path";
import { checkOf, unknownKeys } from "./check.ts";
import { unknownKey } from "./app-yaml.ts";
import type { FuncYaml, TestJson, TestYaml } from "./func-schema.ts";
import { schemaOf } from "./schemas.ts";
import { withoutNulls, YamlFile } from "./yaml-file.ts";

/** A call and what has to come of it. */
export interface FuncTest {
  readonly name: string;
  /** Sent as it is; empty: nothing. */
  readonly body: string;
  /** Undefined: nothing may come, or what `error` says. */
  readonly output: unknown;
  /** Part of the message with which the call has to fail; null: it has to succeed. */
  readonly error: string | null;
}

/** The tests of one function, and what its user should hear of their file. */
export interface FuncTests {
  readonly tests: readonly FuncTest[];
  readonly warnings: readonly string[];
}

const testFile = "test.json";
const check = checkOf<TestJson>("test");

/** `test.json` beside the function, else the tests in its own file. Throws a `Failure`. */
export function readTests(folder: string, yaml: FuncYaml, shown: (path: string) => string): FuncTests {
  const path = join(folder, testFile);
  if (!existsSync(path)) return { tests: (yaml.tests ?? []).map(testOf), warnings: [] };
  const file = new YamlFile(path, shown(path));
  const value = withoutNulls(file.mapOf());
  const { tests = [] } = check(file, value);
  return {
    tests: tests.map(testOf),
    warnings: unknownKeys(schemaOf("test"), value).map((key) => unknownKey(file, testFile, key)),
  };
}

function testOf({ name, input, output, outoutput, err }: TestYaml, index: number): FuncTest {
  const body = input?.body;
  return {
    name: name === undefined ? `test ${index + 1}` : String(name),
    body: body === undefined || body === "" ? "" : JSON.stringify(body),
    output: (output ?? outoutput)?.body,
    error: err === undefined ? null : String(err),
  };
}
