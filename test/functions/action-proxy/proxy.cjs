/** A small action proxy: OpenWhisk's contract for containers, with JavaScript in it. Without code it has a main of its own. */
const http = require("node:http");

const end = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n";
let main = null;
let inits = 0;

function init({ code, binary, main: name, env }) {
  Object.assign(process.env, env);
  const text = binary ? Buffer.from(code, "base64").toString("latin1") : code;
  if (binary) main = () => ({ bytes: text.length, start: text.slice(0, 2) });
  else if (code === "") main = (params) => ({ own: true, params });
  else main = new Function("require", "process", `${code}\nreturn ${name};`)(require, process);
  if (typeof main !== "function") throw new Error(`there is no function ${name}`);
}

function tell({ value, ...fields }) {
  for (const [name, text] of Object.entries(fields)) process.env[`__OW_${name.toUpperCase()}`] = text;
  return value;
}

async function run(message) {
  let result;
  try {
    result = main(tell(message));
  } catch (error) {
    throw new Error(`An error has occurred: ${error}`, { cause: error });
  }
  const value = await Promise.resolve(result).catch((error) => ({ error: error?.message ?? error }));
  if (value === undefined) return {};
  if (typeof value !== "object") throw new Error("The action did not return a dictionary or array.");
  return value;
}

const handlers = {
  async "/init"({ value }) {
    if (++inits > 1) return [403, { error: "Cannot initialize the action more than once." }];
    try {
      init(value);
      return [200, { ok: true }];
    } catch (error) {
      process.stdout.write(end);
      process.stderr.write(end);
      return [502, { error: `Initialization has failed due to: ${error.message}` }];
    }
  },
  async "/run"(message) {
    try {
      return [200, await run(message)];
    } catch (error) {
      console.error(error);
      return [502, { error: error.message }];
    } finally {
      process.stdout.write(end);
      process.stderr.write(end);
    }
  },
};

http
  .createServer(async (request, response) => {
    const pieces = [];
    for await (const piece of request) pieces.push(piece);
    const [status, answer] = await handlers[request.url](JSON.parse(Buffer.concat(pieces).toString()));
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  })
  .listen(8080);
