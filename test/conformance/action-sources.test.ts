/** Actions that are sources of compiled languages, with the compilers themselves. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { makeZip } from "../archives.ts";
import { type Platform, startPlatform } from "../platform.ts";
import { invoke, linesOf, putAction, whisk } from "../whisk.ts";

const sums = `package main

import (
	"errors"
	"fmt"

	"example.com/sums/sum"
	"github.com/google/uuid"
)

type Numbers struct {
	N []int \`json:"n"\`
}

func Sum(numbers Numbers) (map[string]int, error) {
	fmt.Println("out")
	if len(numbers.N) == 0 {
		return nil, errors.New("nothing")
	}
	return map[string]int{"sum": sum.Of(numbers.N), "length": len(uuid.NewString())}, nil
}
`;

let platform: Platform;

describe("sources of actions", { timeout: 900_000 }, () => {
  before(async () => {
    platform = await startPlatform({ env: { POLYKILN_START_TIMEOUT_MS: "60000", POLYKILN_INSTALL_TIMEOUT_MS: "600000" } });
  });

  after(() => platform?.stop());

  test("go: a file with Main, and an archive with modules and another function", async () => {
    const code = `package main

import "fmt"

func Main(obj map[string]interface{}) map[string]interface{} {
	fmt.Println("out")
	if obj["fails"] != nil {
		return map[string]interface{}{"error": "told"}
	}
	return map[string]interface{}{"hello": obj["name"]}
}
`;
    await putAction(platform, "go", { exec: { kind: "go:default", code } });
    assert.deepEqual(await called("go", { name: "you" }), [{ hello: "you" }, ["stdout: out"]]);
    assert.equal((await invoke(platform, "go", { fails: 1 })).body.response.status, "application error");
    const shown = await whisk<{ exec: object }>(platform, "GET", "actions/go");
    assert.deepEqual(shown.body.exec, { kind: "go:1", code, binary: false });
    assert.match(
      await refused({ kind: "go:1", code: code.replace('obj["name"]', "more") }),
      /\n\.\/main\.go:10:\d+: undefined: more$/,
    );
    const files = {
      "go.mod": "module example.com/sums\n\ngo 1.19\n\nrequire github.com/google/uuid v1.6.0\n",
      "main.go": sums,
      "sum/sum.go": "package sum\n\nfunc Of(n []int) (s int) {\n\tfor _, each := range n {\n\t\ts += each\n\t}\n\treturn\n}\n",
    };
    const zip = makeZip(Object.entries(files).map(([name, data]) => ({ name, data }))).toString("base64");
    await putAction(platform, "sum", { exec: { kind: "go:1", code: zip, main: "sum" } });
    assert.deepEqual(await called("sum", { n: [1, 2, 3] }), [{ sum: 6, length: 36 }, ["stdout: out"]]);
    assert.deepEqual(await called("sum", {}), [{ error: "nothing" }, ["stdout: out"]]);
  });

  test("java: a file with a public class, and an archive with a package", async () => {
    const code = `import com.google.gson.JsonObject;

public class Hello {
    public static JsonObject main(JsonObject args) {
        System.out.println("out");
        JsonObject answer = new JsonObject();
        answer.add("hello", args.get("name"));
        return answer;
    }
}
`;
    await putAction(platform, "java", { exec: { kind: "java:17", code, main: "Hello" } });
    assert.deepEqual(await called("java", { name: "you" }), [{ hello: "you" }, ["stdout: out"]]);
    const wrong = { kind: "java:17", code: code.replace("new JsonObject()", "1"), main: "Hello" };
    assert.match(await refused(wrong), /Hello\.java:6: error: incompatible types/);
    const other = 'package example;\n\nclass Other {\n    static final String NAME = "other";\n}\n';
    const zip = makeZip([
      {
        name: "example/Hello.java",
        data: `package example;\n\n${code.replace('args.get("name")', "new com.google.gson.JsonPrimitive(Other.NAME)")}`,
      },
      { name: "example/Other.java", data: other },
    ]);
    await putAction(platform, "java", { exec: { kind: "java:17", code: zip.toString("base64"), main: "example.Hello" } });
    assert.deepEqual(await called("java", {}), [{ hello: "other" }, ["stdout: out"]]);
  });

  test("rust: a file with main, and crates from their registry", async () => {
    const code = `use serde_json::{json, Error, Value};

pub fn main(args: Value) -> Result<Value, Error> {
    println!("out");
    Ok(json!({ "hello": args["name"] }))
}
`;
    await putAction(platform, "rust", { exec: { kind: "rust:1.34", code } });
    assert.deepEqual(await called("rust", { name: "you" }), [{ hello: "you" }, ["stdout: out"]]);
  });
});

/** What a call gives, and what it printed. */
async function called(action: string, parameters: object): Promise<unknown[]> {
  let answer = await invoke(platform, action, parameters);
  // What a kind runs on may take longer to be made ready than a call waits for it.
  while ([202, 503].includes(answer.status)) answer = await invoke(platform, action, parameters);
  const { body } = answer;
  return [body.response.result, await linesOf(platform, body.activationId, 1)];
}

/** What the compiler says. */
async function refused(exec: object): Promise<string> {
  const { status, body } = await whisk<{ error: string }>(platform, "PUT", "actions/refused", { exec });
  assert.equal(status, 400, body.error);
  assert.match(body.error, /The code could not be compiled: \n/);
  return body.error;
}
