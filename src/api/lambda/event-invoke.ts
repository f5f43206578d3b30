/** What becomes of calls of type Event: how often they are tried, how old they get, and who is told. */
import { deliveryDefaults } from "../../model/fn-defaults.ts";
import type { Delivery, Fn } from "../../model/model.ts";
import { destinationArn, destinationNamed } from "./destination.ts";
import { notFound, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { type Json, objectIn, textIn, wholeIn } from "./fields.ts";
import { changedFunction } from "./change.ts";
import { arnIn, type FoundFunction, unqualified } from "./found.ts";
import { lambdaLimits } from "./limits.ts";
import { metaOf, withMeta } from "./meta.ts";
import { latest } from "./names.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";

/** What is left out is as it is without a configuration. */
export async function putEventConfig(exchange: Exchange): Promise<Reply> {
  return await changed(exchange, await unqualified(exchange), () => deliveryDefaults);
}

/** What is left out stays. */
export async function updateEventConfig(exchange: Exchange): Promise<Reply> {
  return await changed(exchange, await configured(exchange), ({ delivery }) => delivery);
}

async function changed(exchange: Exchange, found: FoundFunction, under: (fn: Fn) => Delivery): Promise<Reply> {
  const given = deliveryIn(exchange);
  const after = await changedFunction(exchange, found, (fn) => ({
    ...fn,
    delivery: { ...under(fn), ...beside(fn), ...given },
    annotations: withMeta(fn.annotations, { ...metaOf(fn), eventInvoke: true }),
  }));
  return jsonReply(status.ok, render(exchange, after));
}

/** What such a configuration says nothing of. */
function beside({ delivery: { backoffMs, deadLetter } }: Fn): Pick<Delivery, "backoffMs" | "deadLetter"> {
  return { backoffMs, ...(deadLetter === undefined ? {} : { deadLetter }) };
}

export async function getEventConfig(exchange: Exchange): Promise<Reply> {
  return jsonReply(status.ok, render(exchange, await configured(exchange)));
}

/** Of a function there is one at most. */
export async function listEventConfigs(exchange: Exchange): Promise<Reply> {
  const found = await unqualified(exchange);
  const items = metaOf(found.fn).eventInvoke === true ? [render(exchange, found)] : [];
  return jsonReply(status.ok, { FunctionEventInvokeConfigs: items });
}

export async function removeEventConfig(exchange: Exchange): Promise<Reply> {
  const found = await configured(exchange);
  await changedFunction(exchange, found, (fn) => {
    const { eventInvoke: _gone, ...meta } = metaOf(fn);
    return { ...fn, delivery: { ...deliveryDefaults, ...beside(fn) }, annotations: withMeta(fn.annotations, meta) };
  });
  return nothingReply;
}

async function configured(exchange: Exchange): Promise<FoundFunction> {
  const found = await unqualified(exchange);
  if (metaOf(found.fn).eventInvoke === true) return found;
  const arn = arnIn(exchange.context.identity, { ...exchange.function, qualifier: latest });
  throw notFound(`The function ${arn} doesn't have an EventInvokeConfig`);
}

/** Throws `Refusal`. */
function deliveryIn(exchange: Exchange): Partial<Delivery> {
  const { body } = exchange;
  const retries = wholeIn(body, "MaximumRetryAttempts", { min: 0, max: lambdaLimits.retriesMax });
  const ageS = wholeIn(body, "MaximumEventAgeInSeconds", lambdaLimits.eventAgeS);
  const destinations = objectIn(body, "DestinationConfig");
  return {
    ...(retries === undefined ? {} : { attemptsMax: retries + 1 }),
    ...(ageS === undefined ? {} : { ageMsMax: ageS * 1000 }),
    ...(destinations === undefined
      ? {}
      : {
          onSuccess: destinationIn(exchange, destinations, "OnSuccess"),
          onFailure: destinationIn(exchange, destinations, "OnFailure"),
        }),
  };
}

/** As the model has it. */
function destinationIn({ context }: Exchange, destinations: Json, member: string): string | null {
  const said = objectIn(destinations, member);
  return destinationNamed(said === undefined ? undefined : textIn(said, "Destination"), context.identity, "destination");
}

function render({ context, function: named }: Exchange, { fn: { delivery, updatedAt } }: FoundFunction): object {
  const { identity } = context;
  const shown = (destination: string | null) =>
    destination === null ? {} : { Destination: destinationArn(destination, identity) };
  return {
    FunctionArn: arnIn(identity, { ...named, qualifier: latest }),
    LastModified: updatedAt / 1000,
    MaximumRetryAttempts: delivery.attemptsMax - 1,
    MaximumEventAgeInSeconds: Math.floor(delivery.ageMsMax / 1000),
    DestinationConfig: { OnSuccess: shown(delivery.onSuccess), OnFailure: shown(delivery.onFailure) },
  };
}
