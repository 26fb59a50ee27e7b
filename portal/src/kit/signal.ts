// A value that components watch: enough for language, theme and session.

import { useEffect, useState } from "preact/hooks";

export interface Signal<T> {
  get(): T;
  set(value: T): void;
  watch(listener: () => void): () => void;
}

export function signal<T>(value: T): Signal<T> {
  const listeners = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      value = next;
      for (const listener of [...listeners]) listener();
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The value; the component is drawn again when it changes. */
export function useSignal<T>(watched: Signal<T>): T {
  const [value, setValue] = useState<T>(() => watched.get());
  useEffect(() => {
    setValue(() => watched.get());
    return watched.watch(() => setValue(() => watched.get()));
  }, [watched]);
  return value;
}
