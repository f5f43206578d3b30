/** What pages ask for again and again. */
import { useState } from "preact/hooks";
import { getStats, listActivations, listFunctions, type ActivationQuery } from "../api/resources.ts";
import type { Fn, Stats } from "../api/types.ts";
import { type Polled, usePolled } from "./polled.ts";

/** Often enough to see a call of one's own come in, seldom enough to cost the server nothing. */
const figuresMs = 2000;
const definitionsMs = 10_000;

/** Above this the figures of all functions are a megabyte. */
const manyFunctions = 50;

/** The figures of one function, or without an id of all. */
export function useStats(ns: string, functionId?: string): Polled<Stats> {
  const [many, setMany] = useState(false);
  const ask = async (signal: AbortSignal) => {
    const stats = await getStats(ns, functionId, signal);
    setMany(stats.items.length > manyFunctions);
    return stats;
  };
  return usePolled(ask, many ? definitionsMs : figuresMs, ["stats", ns, functionId]);
}

/** Whoever has no function yet is about to make the first, and looks here whether it worked. */
export function useFunctions(ns: string): Polled<readonly Fn[]> {
  const [empty, setEmpty] = useState(false);
  const ask = async (signal: AbortSignal) => {
    const functions = await listFunctions(ns, signal);
    setEmpty(functions.length === 0);
    return functions;
  };
  return usePolled(ask, empty ? figuresMs : definitionsMs, ["functions", ns]);
}

/** The newest records. */
export const useNewest = (ns: string, query: ActivationQuery) =>
  usePolled((signal) => listActivations(ns, query, signal), figuresMs, ["newest", ns, query]);
