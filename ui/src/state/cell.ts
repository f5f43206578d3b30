import { useEffect, useState } from "preact/hooks";

/** A value that components share and hear of when it changes. */
export interface Cell<T> {
  get(): T;
  set(value: T): void;
  /** Calls back at each change; returns how to stop. */
  watch(heard: () => void): () => void;
}

export function cell<T>(first: T): Cell<T> {
  let current = first;
  const watchers = new Set<() => void>();
  return {
    get: () => current,
    set(value) {
      if (Object.is(value, current)) return;
      current = value;
      for (const heard of watchers) heard();
    },
    watch(heard) {
      watchers.add(heard);
      return () => watchers.delete(heard);
    },
  };
}

/** The cell's value, kept up to date. */
export function useCell<T>(source: Cell<T>): T {
  const [value, setValue] = useState(source.get());
  useEffect(() => {
    const read = () => setValue(() => source.get());
    read();
    return source.watch(read);
  }, [source]);
  return value;
}
