/**
 * Keeps definitions and activations. Repositories by noun; every key starts with the namespace's name.
 *
 * Promises: a change that resolved is on disk (implementations with a disk), and so is everything before it; a refused change
 * changed nothing; names are unique where the model says so; `list` always pages, ordered by name (bytes) or, for
 * activations, newest first; deleting an app deletes its functions and routes in the same transaction, deleting a function
 * its routes, deleting a trigger its schedule; rules outlive their trigger and their function. Deliberately absent: caching (invocation/), code (image/), logs (logs/), any dialect.
 */
import type {
  Activation,
  ActivationStatus,
  Api,
  App,
  Egress,
  Fn,
  Namespace,
  NamespaceLimits,
  Route,
  Rule,
  TrafficShare,
  Trigger,
} from "../model/model.ts";
import type { FnNotes } from "../model/fn-notes.ts";
import type { Layer } from "../model/layer.ts";
import type { Schedule } from "../model/schedule.ts";

export interface Store {
  readonly namespaces: Namespaces;
  readonly keys: Keys;
  readonly apps: Apps;
  readonly functions: Functions;
  readonly notes: Notes;
  readonly layers: Layers;
  readonly routes: Routes;
  readonly triggers: Triggers;
  readonly rules: Rules;
  readonly schedules: Schedules;
  readonly gatewayApis: GatewayApis;
  readonly activations: Activations;
  /** Waits for what was sent, then ends. */
  close(): Promise<void>;
}

/** `after`: the name (or id) of the last item of the page before, or its `next` as it stands; absent: from the start. */
export interface PageRequest {
  readonly after?: string | undefined;
  readonly limit: number;
}

/** A part of a list that is not walked through. */
export interface SkipRequest {
  readonly skip: number;
  readonly limit: number;
}

/** `next` is the `after` of the following page, null when there is none; any text, to be encoded before it goes into a URL. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/**
 * One noun's repository. All throw `PlatformError`: `create` conflict when the id or a unique name is taken and not_found when
 * what it belongs to is not there; `update` and `remove` not_found; `update` conflict when the stored revision is not
 * `change.revision - 1` (somebody else was first) or a unique name is taken.
 */
export interface Repository<T> {
  /** Resolves with what is stored; the same of `update`. Where listeners stand before it (extensions/) that may be something else than was given. */
  create(item: T): Promise<T>;
  /** Undefined when it does not exist in that namespace. */
  get(namespace: string, id: string): Promise<T | undefined>;
  update(change: T): Promise<T>;
  remove(namespace: string, id: string): Promise<void>;
}

export interface Namespaces {
  create(namespace: Namespace): Promise<void>;
  getByName(name: string): Promise<Namespace | undefined>;
  list(page: PageRequest): Promise<Page<Namespace>>;
  /** What it is given instead of the platform's own limits; what these leave out it has no longer. Throws not_found. */
  setLimits(name: string, limits: Partial<NamespaceLimits>): Promise<void>;
  /** All that were given some. */
  limited(): Promise<readonly LimitedNamespace[]>;
  /** What its functions connect to that leave it to the namespace; null: as in those of which nothing is said. Throws not_found. */
  setEgress(name: string, egress: Egress | null): Promise<void>;
  /** All of which it is said. */
  withEgress(): Promise<readonly (Namespace & { readonly egress: Egress })[]>;
}

/** What a namespace was given. */
export interface LimitedNamespace {
  readonly namespace: string;
  readonly limits: Partial<NamespaceLimits>;
}

/** A credential of a namespace. The secret is kept only as its SHA-256 in hex. */
export interface Key {
  readonly id: string;
  readonly namespace: string;
  readonly secretHash: string;
  readonly createdAt: number;
}

export interface Keys {
  create(key: Key): Promise<void>;
  get(id: string): Promise<Key | undefined>;
  list(namespace: string): Promise<readonly Key[]>;
  remove(namespace: string, id: string): Promise<void>;
}

/** A noun whose name is unique in its namespace. */
export interface NamedRepository<T> extends Repository<T> {
  getByName(namespace: string, name: string): Promise<T | undefined>;
  list(namespace: string, page: PageRequest): Promise<Page<T>>;
  /** Whatever changed last first; `skip` of them are left out. */
  latest(namespace: string, page: SkipRequest): Promise<readonly T[]>;
  count(namespace: string): Promise<number>;
}

export interface Apps extends NamedRepository<App> {
  /** As `latest`, of those that are published. */
  latestPublished(namespace: string, page: SkipRequest): Promise<readonly App[]>;
  countPublished(namespace: string): Promise<number>;
}

/** Every function that was created or updated is kept under its revision too: the newest few of each, those with traffic, and versions (`Notes`). */
export interface Functions extends Repository<Fn> {
  /** `appId` null: in the null app. */
  getByName(namespace: string, appId: string | null, name: string): Promise<Fn | undefined>;
  list(namespace: string, appId: string | null, page: PageRequest): Promise<Page<Fn>>;
  /** The one of an app that declares this path (`model/declared.ts`); of several the oldest. */
  getByPath(namespace: string, appId: string, path: string): Promise<Fn | undefined>;
  /** The function as that revision was deployed, without traffic; undefined when it is not kept. */
  revision(namespace: string, id: string, revision: number): Promise<Fn | undefined>;
  /** The kept revisions, newest first; `after` is a revision. Empty for a function that does not exist. */
  revisions(namespace: string, id: string, page: PageRequest): Promise<Page<Fn>>;
  /** Those of all namespaces that keep sandboxes ready, or of one, by id. Costs nothing for the others. */
  provisioned(namespace: string | null, page: PageRequest): Promise<Page<Fn>>;
  /** Those of a namespace (`appId` undefined) or of an app, whatever changed last first; `skip` of them are left out. */
  latest(namespace: string, appId: string | null | undefined, page: SkipRequest): Promise<readonly Fn[]>;
  count(namespace: string, appId: string | null | undefined): Promise<number>;
  /** Those of a namespace that were created last, the newest first. */
  newest(namespace: string, limit: number): Promise<readonly Fn[]>;
  /** Whether a kept revision of this function (null: of any, in any namespace) has code, or a layer, of this digest. May err on the side of yes. */
  usesCode(digest: string, id: string | null): Promise<boolean>;
  /** Whether there is a function of this id, in any namespace. */
  exists(id: string): Promise<boolean>;
  /** Makes no revision. Throws not_found for the function, `invalid` for a revision that is not kept. */
  setTraffic(namespace: string, id: string, traffic: readonly TrafficShare[]): Promise<void>;
}

/** What is said about functions, one for each about which something was said, and gone with it. */
export interface Notes {
  get(namespace: string, functionId: string): Promise<FnNotes | undefined>;
  /**
   * In place of what there was; from then on the revisions of its versions are kept. Throws not_found for the function, `invalid` for a revision that is not
   * kept, conflict when the stored one's revision is not `notes.revision - 1` (0: there is none).
   */
  put(notes: FnNotes): Promise<void>;
  /** Those of the function that has the URL of this id. */
  byUrl(id: string): Promise<FnNotes | undefined>;
  /** Those of all namespaces that keep sandboxes ready, or of one, by the ids of their functions. Costs nothing for the others. */
  provisioned(namespace: string | null, page: PageRequest): Promise<Page<FnNotes>>;
  /** Those of all namespaces that say how many calls are taken, or of a revision that is not ready, by the ids of their functions. Costs nothing for the others. */
  standing(page: PageRequest): Promise<Page<FnNotes>>;
}

/** By namespace and name. One without versions is kept for its last number, and shown by no list. */
export interface Layers {
  get(namespace: string, name: string): Promise<Layer | undefined>;
  /** In place of what there was. Throws not_found for the namespace, conflict when the stored one's revision is not `layer.revision - 1` (0: there is none). */
  put(layer: Layer): Promise<void>;
  /** Those with versions, by name. */
  list(namespace: string, page: PageRequest): Promise<Page<Layer>>;
  /** Whether a version that there is, in any namespace, has content of this digest. */
  usesCode(digest: string): Promise<boolean>;
}

/** The name of a route is unique within its function, its source within the app; its function is one of the same app. */
export interface Routes extends Repository<Route> {
  getBySource(namespace: string, appId: string, source: string): Promise<Route | undefined>;
  list(
    namespace: string,
    appId: string,
    filter: { readonly functionId?: string | undefined; readonly name?: string | undefined },
    page: PageRequest,
  ): Promise<Page<Route>>;
}

export type Triggers = NamedRepository<Trigger>;

/** To be created or updated a rule needs its trigger; what its target names need not be there. */
export interface Rules extends NamedRepository<Rule> {
  /** All of one trigger, active or not, the oldest first. */
  ofTrigger(namespace: string, triggerId: string): Promise<readonly Rule[]>;
}

/** By the triggers that they fire, and gone with them. */
export interface Schedules {
  /** Instead of the one that the trigger has. Throws not_found for the trigger. */
  put(schedule: Schedule): Promise<void>;
  get(namespace: string, trigger: string): Promise<Schedule | undefined>;
  /** Throws not_found. */
  remove(namespace: string, trigger: string): Promise<void>;
  /** By the names of their triggers. */
  list(namespace: string, page: PageRequest): Promise<Page<Schedule>>;
  /** Those of all namespaces that are to fire up to then, the longest due first. */
  due(at: number, limit: number): Promise<readonly Schedule[]>;
  /** When the next one is to fire; null: none is. */
  nextAt(): Promise<number | null>;
  /** What became of one; nothing where it was set anew or removed meanwhile. */
  advance(schedule: Schedule): Promise<void>;
}

/** Their names are their base paths. What their documents lead to need not be there. */
export interface GatewayApis extends NamedRepository<Api> {
  /** The names of all. */
  names(namespace: string): Promise<readonly string[]>;
  /** Those of this title, whatever changed last first. */
  titled(namespace: string, title: string): Promise<readonly Api[]>;
}

export interface ActivationFilter {
  readonly functionId?: string | undefined;
  readonly status?: ActivationStatus | undefined;
  /** Milliseconds since the epoch, both inclusive. */
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

/** What a call answered: an asynchronous one, or one whose caller wanted that it is kept. */
export interface CallResult {
  readonly status: number;
  readonly contentType: string | null;
  /** The beginning of the answer. */
  readonly body: Uint8Array;
  /** Of the whole answer. */
  readonly bytes: number;
  /** Of an event: what became of the rules of its trigger, as JSON text. Absent: it is a call's. */
  readonly rules?: string;
}

/** Records of calls. Written in batches off the call's path; the first record of an id wins (P2). */
export interface Activations {
  /**
   * Resolves when the records are on disk, each with its result, if `results` has one by its id; all or nothing. `PackedRecords`, which have
   * their results in them, are for many at a time: an implementation may take their columns as they are, so they must not be changed before it is over.
   */
  append(records: Iterable<Activation>, results?: ReadonlyMap<string, CallResult>): Promise<void>;
  get(namespace: string, id: string): Promise<Activation | undefined>;
  /** Asynchronous calls that were answered leave one, and others whose caller wanted it. */
  result(namespace: string, id: string): Promise<CallResult | undefined>;
  /** Newest start first, later written first among equals; `after` is an id, and `invalid` when there is no such record. */
  list(namespace: string, filter: ActivationFilter, page: PageRequest): Promise<Page<Activation>>;
  /** The same without a cursor: `skip` of them are left out. */
  latest(namespace: string, filter: ActivationFilter, page: SkipRequest): Promise<readonly Activation[]>;
  count(namespace: string, filter: ActivationFilter): Promise<number>;
  /** Where the newest record of all stands in the order of writing; 0: there is none. */
  lastPlace(): Promise<number>;
  /** Where a record stands in that order; undefined when it is not there. */
  place(namespace: string, id: string): Promise<number | undefined>;
  /** Some of a namespace's records that were written behind a place, in that order. `next`: where to go on; null at the end. */
  writtenAfter(
    namespace: string,
    place: number,
  ): Promise<{ readonly items: readonly Activation[]; readonly next: number | null }>;
  /** Removes some of the oldest records that began before `before`; resolves with false when none are (left). */
  prune(before: number): Promise<boolean>;
}
