/** An app of Fn's whose functions are images, for tests. */
import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildImage, nodeImage, pythonImage } from "../fn-base-images.ts";
import { pipWheels } from "../kits.ts";

const examples = join(import.meta.dirname, "../../examples/fn");

/** Lays the app's folder: functions on Fn's kits for Node and Python, and one in Go with a Dockerfile of its own. */
export async function layProjects(app: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    "app.yaml": appYaml,
    "node/func.js": nodeFunction,
    "node/func.yaml": nodeYaml,
    "python/func.yaml": pythonYaml,
    "go/func.yaml": goYaml,
    "go/Dockerfile": goDockerfile,
  };
  for (const name of ["node", "python", "go"]) mkdirSync(join(app, name), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(app, name), text);
  for (const name of ["node/package.json", "python/func.py", "python/requirements.txt", "go/func.go", "go/go.mod"])
    cpSync(join(examples, name), join(app, name));
  // Where the client looks for packages before it asks for a network.
  cpSync(await pipWheels([pythonKit]), join(app, "python/.pip_cache"), { recursive: true });
}

/** As in the example's `requirements.txt`. */
const pythonKit = "fdk==0.1.128";

/** A function on Fn's kit that says how it was asked. */
const nodeFunction = `const fdk = require("@fnproject/fdk");

fdk.handle((input) => {
  if (input.fail !== undefined) throw new Error(input.fail);
  return { message: \`\${process.env.GREETING} \${input.name ?? input} by \${process.env.SENDER}\` };
});
`;

const nodeYaml = `schema_version: 20180708
name: hello-node
version: 0.0.1
runtime: node
build_image: ${buildImage(nodeImage)}
run_image: ${nodeImage}
entrypoint: node func.js
content_type: application/json
memory: 192
timeout: 20
idle_timeout: 60
config:
  GREETING: Hello
annotations:
  example.com/owner: [Ada, 1843]
triggers:
- name: hello
  type: http
  source: /hello
`;

const pythonYaml = `schema_version: 20180708
name: hello-python
version: 0.0.1
runtime: python
build_image: ${buildImage(pythonImage)}
run_image: ${pythonImage}
entrypoint: /python/bin/fdk /function/func.py handler
memory: 256
`;

const goYaml = `schema_version: 20180708
name: hello-go
version: 0.0.1
runtime: docker
build:
- go build -o func .
triggers:
- name: go
  type: http
  source: /go
`;

const goDockerfile = `FROM scratch
COPY func /function/func
WORKDIR /function
ENTRYPOINT ["./func"]
`;

const appYaml = `name: demo
config:
  SENDER: the app
annotations:
  example.com/app: [1, 2.50]
`;
