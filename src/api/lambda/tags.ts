/** Tags of functions, by ARN. */
import { invalidParameter, status } from "./errors.ts";
import type { Exchange } from "./exchange.ts";
import { isAbsent, textsIn } from "./fields.ts";
import { functionNamed } from "./found.ts";
import { lambdaLimits } from "./limits.ts";
import { jsonReply, nothingReply, type Reply } from "./reply.ts";

type Tags = Readonly<Record<string, string>>;

/** Throws `Refusal`. */
export function checkedTags(given: unknown): Tags {
  const tags = isAbsent(given) ? {} : (textsIn({ Tags: given }, "Tags") ?? {});
  const { keyCharactersMax, valueCharactersMax } = lambdaLimits.tags;
  for (const [key, value] of Object.entries(tags)) {
    if (key === "" || key.length > keyCharactersMax || value.length > valueCharactersMax)
      throw invalidParameter(
        `A tag has a key of 1 to ${keyCharactersMax} characters and a value of at most ${valueCharactersMax}`,
      );
    if (/^aws:/i.test(key)) throw invalidParameter("Tag keys that begin with aws: are reserved");
  }
  return withinLimit(tags);
}

function withinLimit(tags: Tags): Tags {
  const { countMax } = lambdaLimits.tags;
  if (Object.keys(tags).length > countMax) throw invalidParameter(`A function has at most ${countMax} tags`);
  return tags;
}

export async function listTags(exchange: Exchange): Promise<Reply> {
  const { fn } = await functionNamed(exchange);
  return jsonReply(status.ok, { Tags: (await exchange.context.notes.of(fn)).tags });
}

export async function tag(exchange: Exchange): Promise<Reply> {
  const given = checkedTags(exchange.body["Tags"]);
  const { fn } = await functionNamed(exchange);
  await exchange.context.notes.change(fn, (notes) => ({ ...notes, tags: withinLimit({ ...notes.tags, ...given }) }));
  return nothingReply;
}

export async function untag(exchange: Exchange): Promise<Reply> {
  const keys = new Set(exchange.query.getAll("tagKeys"));
  const { fn } = await functionNamed(exchange);
  await exchange.context.notes.change(fn, (notes) => ({
    ...notes,
    tags: Object.fromEntries(Object.entries(notes.tags).filter(([key]) => !keys.has(key))),
  }));
  return nothingReply;
}
