/**
 * The feeds `alarm`, `once` and `interval`: what a trigger's life means for the schedule that the platform keeps of it. `isInterval` and
 * `fireOnce` are set for the actions of these names.
 */
exports.main = async function main(parameters) {
  const serve = { CREATE: create, READ: read, UPDATE: update, DELETE: remove }[parameters.lifecycleEvent];
  if (serve === undefined) return { error: "unsupported lifecycleEvent" };
  if (!parameters.triggerName) return { error: "no trigger name parameter was provided" };
  try {
    return await serve(parameters);
  } catch (error) {
    return { error: error.cause === undefined ? error.message : `${error.message}: ${error.cause.message}` };
  }
};

async function create(parameters) {
  // What is told of an alarm calls it payload, and wskdeploy's export writes that down to be deployed again.
  const config = { ...configIn(parameters), trigger_payload: parameters.trigger_payload ?? parameters.payload };
  // The first one is not missed by whoever makes rules next.
  if (parameters.isInterval) config.startDate ??= Date.now() + 30_000;
  checkFields(config, parameters);
  checkDates(config, config);
  await ask("PUT", parameters, scheduleOf(config));
  return { status: "success" };
}

async function update(parameters) {
  const { note: before } = await ask("GET", parameters);
  const given = Object.fromEntries(
    Object.entries(configIn(parameters)).filter(([name]) => name in before || !fieldsOfTiming.includes(name)),
  );
  if (parameters.trigger_payload) given.trigger_payload = parameters.trigger_payload;
  if (Object.keys(given).length === 0) throw new Error("no updatable parameters were specified");
  const config = { ...before, ...given };
  checkFields(config, parameters);
  checkDates(given, config);
  await ask("PUT", parameters, scheduleOf(config));
  return { status: "success" };
}

async function read(parameters) {
  const { note, nextAt, createdAt } = await ask("GET", parameters);
  const { trigger_payload: payload, ...config } = note;
  const { namespace, name } = partsOf(parameters);
  const changed = Date.parse(createdAt);
  return {
    config: { name, namespace, payload: payloadOf(payload), ...config },
    status: { active: nextAt !== null, dateChanged: changed, dateChangedISO: new Date(changed).toISOString() },
  };
}

async function remove(parameters) {
  await ask("DELETE", parameters);
  return { status: "success" };
}

const fieldsOfTiming = ["cron", "timezone", "minutes", "date"];
const fields = [...fieldsOfTiming, "strict", "startDate", "stopDate", "maxTriggers", "deleteAfterFire"];

function configIn(parameters) {
  return Object.fromEntries(fields.flatMap((name) => (parameters[name] ? [[name, parameters[name]]] : [])));
}

function checkFields({ cron, minutes, date, deleteAfterFire, maxTriggers, stopDate }, { fireOnce, isInterval }) {
  if (fireOnce) {
    if (!date) throw new Error("alarms once trigger feed is missing the date parameter");
    if (deleteAfterFire && !["false", "true", "rules"].includes(afterFire(deleteAfterFire)))
      throw new Error("deleteAfterFire parameter must be one of [false, true, rules].");
  } else if (isInterval) {
    if (!minutes) throw new Error("interval trigger feed is missing the minutes parameter");
    if (!Number.isInteger(Number(minutes))) throw new Error("the minutes parameter must be an integer");
    if (Number(minutes) <= 0) throw new Error("the minutes parameter must be an integer greater than zero");
    if (maxTriggers && stopDate) throw new Error("maxTriggers is not supported for the interval trigger feed");
  } else {
    if (!cron) throw new Error("alarms trigger feed is missing the cron parameter");
    if (maxTriggers && stopDate) throw new Error("maxTriggers is not allowed when the stopDate parameter is specified");
  }
}

/** Those that were given, beside all there are. */
function checkDates(given, { startDate, stopDate }) {
  for (const name of ["date", "startDate", "stopDate"]) {
    const value = given[name];
    if (value === undefined) continue;
    const at = new Date(value).getTime();
    if (Number.isNaN(at)) throw new Error(`${name} parameter '${value}' is not a valid Date`);
    if (at <= Date.now()) throw new Error(`${name} parameter '${value}' must be in the future`);
  }
  if (startDate !== undefined && stopDate !== undefined && new Date(stopDate) <= new Date(startDate))
    throw new Error(`stopDate parameter '${stopDate}' must be greater than the startDate parameter '${startDate}'`);
}

/** In the platform's words. */
function scheduleOf(config) {
  const { startDate, stopDate, maxTriggers, deleteAfterFire, strict } = config;
  return {
    timing: timingOf(config),
    startsAt: momentOf(startDate),
    endsAt: momentOf(stopDate),
    firesMax: Number(maxTriggers) > 0 ? Number(maxTriggers) : null,
    afterwards: { true: "trigger", rules: "trigger and rules" }[afterFire(deleteAfterFire)] ?? "nothing",
    missed: strict ? "skip" : "once",
    payload: payloadOf(config.trigger_payload),
    note: config,
  };
}

function timingOf({ cron, timezone, minutes, date }) {
  if (date) return { at: momentOf(date) };
  if (minutes) return { everyMs: Number(minutes) * 60_000 };
  return { cron, ...(timezone && { timeZone: timezone }) };
}

function momentOf(date) {
  return date === undefined ? null : new Date(date).toISOString();
}

function afterFire(given) {
  return String(given ?? "")
    .trim()
    .toLowerCase();
}

/** A text is a member, unless it is an object's JSON. */
function payloadOf(given) {
  if (typeof given !== "string") return given ?? {};
  try {
    const parsed = JSON.parse(given);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // It is a text.
  }
  return given === "" ? {} : { payload: given };
}

function partsOf({ triggerName }) {
  const segments = triggerName.split("/").filter((segment) => segment !== "");
  const namespace = segments.length > 1 ? segments[0] : "_";
  return { namespace: namespace === "_" ? process.env.__OW_NAMESPACE : namespace, name: segments.at(-1) };
}

/** Asks the platform, with the key of whoever owns the trigger. */
async function ask(method, parameters, body) {
  const { namespace, name } = partsOf(parameters);
  const path = ["namespaces", namespace, "triggers", name, "schedule"].map(encodeURIComponent).join("/");
  const answer = await fetch(`${process.env.__OW_API_HOST}/kiln/v1/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(parameters.authKey)}`, ...(body && { "content-type": "application/json" }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (answer.ok) return text === "" ? {} : JSON.parse(text);
  throw new Error(messageOf(text, parameters) ?? `the platform answered ${answer.status}`);
}

function messageOf(text, { cron }) {
  try {
    const { message } = JSON.parse(text);
    const isPattern = message?.startsWith("cron expression") && !/time ?zone/i.test(message);
    return isPattern ? `cron pattern '${cron}' is not valid` : message;
  } catch {
    return undefined;
  }
}
