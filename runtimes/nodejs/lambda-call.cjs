"use strict";
const { fieldOf } = require("./event.cjs");
const { uuidOf } = require("./ids.cjs");
const { lambdaError } = require("./lambda-errors.cjs");

/** The event of a call, which is JSON; without a body it is empty. What is none fails the call, not its request. */
function read(_head, buffer, start, end) {
  if (start === end) return { event: {} };
  try {
    return { event: JSON.parse(buffer.utf8Slice(start, end)) };
  } catch (error) {
    return { error };
  }
}

/** Runs the handler: a promise, the callback or the context says what it gives, or an event loop with nothing left to do says that it gives nothing. */
function run(call) {
  tellTrace(call);
  const { handler, isAsync, callable } = call.target;
  const { callback, succeed, fail, ways } = outcomes(call);
  call.whenIdle(() => (isAsync ? fail(unsettled()) : complete(call, undefined)));
  try {
    if (call.event.error !== undefined) throw call.event.error;
    const context = describe(ways, call);
    const result = handler(call.event.event, callable ? asCallback(context, callback) : context, callback);
    if (typeof result?.then === "function") result.then(succeed, fail);
  } catch (error) {
    callback(error);
  }
}

function unsettled() {
  return lambdaError("NodeJsExit", "The event loop has nothing left to do, and the promise of the handler was never settled");
}

/** The ways to end a call, of which the first counts. */
function outcomes(call) {
  let waits = true;
  let finished = false;
  const once = (end) => (first, second) => {
    if (finished) return;
    finished = true;
    end(first, second);
  };
  const done = (error, result) => (isGiven(error) ? call.fail(error) : complete(call, result));
  const callback = once((error, result) => {
    if (isGiven(error) || !waits) done(error, result);
    else call.whenIdle(() => complete(call, result));
  });
  const succeed = once((result) => done(null, result));
  const fail = once((error) => call.fail(isGiven(error) ? error : "handled"));
  const ways = {
    get callbackWaitsForEmptyEventLoop() {
      return waits;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits = value;
    },
    succeed,
    fail,
    done: once(done),
  };
  return { callback, succeed, fail, ways };
}

const isGiven = (error) => error !== undefined && error !== null;

function complete(call, result) {
  let json;
  try {
    // What JSON has no word for is null.
    json = JSON.stringify(result) ?? "null";
  } catch {
    call.fail(new Error("Unable to stringify response body"));
    return;
  }
  call.answerJson(json);
}

/** A context: the ways to end a call, and what there is to say of it and of the function. Throws where the caller said what is no JSON. */
function describe(ways, call) {
  const { head } = call;
  const said = head.includes("lambda-runtime-") ? (name) => fieldOf(head, `lambda-runtime-${name}:`) : () => undefined;
  const deadline = Number(fieldOf(head, ":deadline:"));
  return Object.assign(ways, call.target.facts, {
    clientContext: parsed(said("client-context"), "ClientContext"),
    identity: parsed(said("cognito-identity"), "CognitoIdentity"),
    invokedFunctionArn: said("invoked-function-arn") ?? call.target.arn,
    awsRequestId: requestIdOf(call),
    tenantId: said("aws-tenant-id"),
    getRemainingTimeInMillis: () => deadline - call.clock.now(),
  });
}

/** What a context says of the function, the same for all calls: to ask the environment each time would cost more than all else here. */
function factsOf(env) {
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

function requestIdOf({ head }) {
  return uuidOf(fieldOf(head, ":call:") ?? "");
}

function parsed(text, name) {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`, { cause: error });
  }
}

/** The trace of the latest call, as the environment has it; what begins with one of W3C's goes on with it. */
let told;

function tellTrace({ head }) {
  const trace = fieldOf(head, "lambda-runtime-trace-id:") ?? traceOf(fieldOf(head, "traceparent:"));
  if (trace === told) return;
  told = trace;
  if (trace === undefined) delete process.env._X_AMZN_TRACE_ID;
  else process.env._X_AMZN_TRACE_ID = trace;
}

function traceOf(traceparent) {
  const [, trace, parent, flags] = traceparent?.split("-") ?? [];
  if (trace?.length !== 32 || parent === undefined || flags === undefined) return undefined;
  return `Root=1-${trace.slice(0, 8)}-${trace.slice(8)};Parent=${parent};Sampled=${Number.parseInt(flags, 16) & 1}`;
}

/** The context as a function that is the callback. */
function asCallback(context, callback) {
  const host = (error, result) => callback(error, result);
  return Object.defineProperties(host, Object.getOwnPropertyDescriptors(context));
}

module.exports = { describe, factsOf, read, requestIdOf, run, tellTrace };
