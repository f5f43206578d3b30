import { readBody } from "../../lib/body.ts";
import type { World } from "../../lib/world.ts";
import { idToUuid } from "../../model/id.ts";
import { jsonAnswer } from "./answers.ts";
import { headerOf, refuse } from "./asked.ts";
import type { Asked } from "./connection.ts";
import { eventTypes, type EventType, Extension } from "./extension.ts";
import {
  identifierInvalidText,
  identifierMissingText,
  identifierUnknownText,
  invalidEventText,
  invalidFormatText,
  namelessText,
  nameTakenText,
  registrationClosedText,
  tooManyText,
  wrongStateOfText,
} from "./extension-answers.ts";

/** Of one function, the ones within its runtime included. */
const extensionsMax = 10;

const registrationBytesMax = 64 * 1024;

/** A function as extensions are told of it. */
export interface AboutFunction {
  readonly functionName: string;
  readonly functionVersion: string;
  readonly handler: string;
  readonly accountId: string;
  readonly memoryMiB: number;
}

/** Who the extensions of a sandbox are: programs of their own, which are expected, and those that come from within the runtime while it starts. */
export class ExtensionRegistry {
  readonly all: Extension[];
  /** Nobody can come any more. */
  isClosed = false;
  readonly #about: AboutFunction;
  readonly #world: World;

  /** `names`: of the programs. */
  constructor(names: readonly string[], about: AboutFunction, world: World) {
    this.#about = about;
    this.#world = world;
    this.all = names.map((name) => new Extension(name, this.newId(), true));
  }

  newId(): string {
    return idToUuid(this.#world.newId());
  }

  /** Who asks, by its header; undefined: that is nobody, and has been told so. */
  asking(request: Asked): Extension | undefined {
    const id = headerOf(request, "lambda-extension-identifier") ?? "";
    const found = this.all.find((each) => each.id === id.toLowerCase());
    if (id === "") refuse(request, identifierMissingText);
    else if (!/^[0-9a-f-]{36}$/i.test(id)) refuse(request, identifierInvalidText);
    else if (found === undefined) refuse(request, identifierUnknownText(id));
    return found;
  }

  /** Answers who wants to be one; undefined: it cannot be. */
  async register(request: Asked): Promise<Extension | undefined> {
    const name = headerOf(request, "lambda-extension-name") ?? "";
    const said = await readBody(request.body, registrationBytesMax, () => new Error()).catch(() => Buffer.alloc(0));
    const events = eventsIn(said);
    const external = this.all.find((each) => each.isExternal && each.name === name);
    const refusal = this.#refusalOf(name, events, external);
    if (refusal !== null) {
      refuse(request, refusal);
      return undefined;
    }
    const extension = external ?? new Extension(name, this.newId(), false);
    if (external === undefined) this.all.push(extension);
    extension.register(events as readonly EventType[]);
    request.connection.answer(this.#welcome(request, extension));
    return extension;
  }

  /** `events`: a text says what is wrong with them. */
  #refusalOf(name: string, events: readonly unknown[] | string, external: Extension | undefined): string | null {
    if (name === "") return namelessText;
    if (typeof events === "string") return invalidFormatText(events);
    const allowed: readonly unknown[] = external === undefined ? ["INVOKE"] : eventTypes;
    const wrong = events.find((event) => !allowed.includes(event));
    if (wrong !== undefined) return invalidEventText(wrong, external !== undefined);
    if (external !== undefined) return external.state === "started" ? null : wrongStateOfText(external.state, "registered", name);
    if (this.isClosed) return registrationClosedText;
    if (this.all.some((each) => each.name === name)) return nameTakenText;
    return this.all.length >= extensionsMax ? tooManyText(extensionsMax) : null;
  }

  #welcome(request: Asked, { id }: Extension): string {
    const { functionName, functionVersion, handler, accountId } = this.#about;
    const features = (headerOf(request, "lambda-extension-accept-feature") ?? "").split(",").map((feature) => feature.trim());
    const account = features.includes("accountId") ? { accountId } : {};
    const body = JSON.stringify({ ...account, functionName, functionVersion, handler });
    return jsonAnswer(200, body, [`Lambda-Extension-Identifier: ${id}`]);
  }
}

/** What a registration asks to hear; a text says what is wrong with it. */
function eventsIn(said: Buffer): readonly unknown[] | string {
  try {
    const { events = [], configurationKeys = [] } = JSON.parse(said.toString("utf8")) as Record<string, unknown>;
    if (!Array.isArray(events)) return "events must be a list";
    if (Array.isArray(configurationKeys) && configurationKeys.length === 0) return events;
    return "configurationKeys are deprecated; use environment variables instead";
  } catch {
    return "The body must be an object of JSON with a list of events";
  }
}
