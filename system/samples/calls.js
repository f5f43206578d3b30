/** Actions that call others, with the key that they are given. */

/** Calls itself until `n` has come down to nothing. */
exports.countdown = async function countdown({ n }) {
  const left = Number.parseInt(n, 10);
  console.log(left);
  if (left === 0) console.log("Happy New Year!");
  if (!(left > 0)) return {};
  return await invoked(process.env.__OW_ACTION_NAME, { n: left - 1 });
};

/** What `greeting` says of `name` and `place`, word by word, as `lines`. */
exports.helloPromises = async function helloPromises({ name, place }) {
  const { response } = await invoked("/whisk.system/samples/greeting", { name, place }, "?blocking=true");
  return { lines: response.result.payload.split(" ") };
};

/** Prints what `date` says, and gives the whole activation. */
exports.invoke = async function invoke() {
  const activation = await invoked("/whisk.system/utils/date", {}, "?blocking=true");
  console.log("It is now", activation.response.result.date);
  return activation;
};

async function invoked(name, parameters, query = "") {
  const { __OW_API_HOST: host, __OW_API_KEY: key } = process.env;
  const [namespace, ...path] = name.split("/").slice(1);
  const answer = await fetch(`${host}/api/v1/namespaces/${namespace}/actions/${path.join("/")}${query}`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(key)}`, "content-type": "application/json" },
    body: JSON.stringify(parameters),
  });
  return await answer.json();
}
