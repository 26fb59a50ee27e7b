// What comes from the server: the three states in which a part of a page is, and one way to show them.

import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "./api.ts";
import { Button } from "./controls.tsx";
import { t } from "./language.ts";

export type Remote<T> =
  | { state: "loading" }
  | { state: "failed"; problem: Problem }
  | { state: "there"; value: T; refreshing: boolean };

/** Loads when it is first shown and whenever one of `on` changes; `again` loads once more and keeps what is shown. */
export function useRemote<T>(load: () => Promise<T>, on: unknown[]): [Remote<T>, () => void] {
  const [remote, setRemote] = useState<Remote<T>>({ state: "loading" });
  const turn = useRef(0);
  const run = useCallback(() => {
    turn.current += 1;
    const mine = turn.current;
    // An answer that comes after a later question was asked is not shown.
    const show = (next: Remote<T>) => mine === turn.current && setRemote(next);
    load().then(
      (value) => show({ state: "there", value, refreshing: false }),
      (error: unknown) => show({ state: "failed", problem: asProblem(error) }),
    );
  }, on);
  useEffect(() => {
    setRemote({ state: "loading" });
    run();
    return () => {
      turn.current += 1;
    };
  }, [run]);
  return [remote, run];
}

/** Any error as a problem that can be shown. */
export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem(0, "unexpected", String(error));
}

/** What a person is told of a problem. */
export function advice(problem: Problem): string {
  if (problem.code === "unreachable") return t("problem.unreachable");
  if (problem.code === "session.missing" || problem.status === 401) return t("problem.session");
  if (problem.status === 403) return problem.message || t("problem.forbidden");
  if (problem.status === 429) return t("problem.often");
  return problem.message || t("problem.unexpected", { code: problem.code });
}

/** A part of a page that waits, failed, or is there. */
export function Loaded<T>(props: { of: Remote<T>; again: () => void; children: (value: T) => ComponentChildren }) {
  if (props.of.state === "loading") return <Skeleton />;
  if (props.of.state === "failed") return <Failed problem={props.of.problem} again={props.again} />;
  return <>{props.children(props.of.value)}</>;
}

/** Where something will be. */
export function Skeleton() {
  return (
    <div class="skeleton" role="status">
      <span class="only-read">{t("state.loading")}</span>
      <i />
      <i />
      <i />
    </div>
  );
}

/** What went wrong, and the way on. */
export function Failed(props: { problem: Problem; again: () => void }) {
  return (
    <div class="banner bad" role="alert">
      <p>{advice(props.problem)}</p>
      <Button onClick={props.again}>{t("action.again")}</Button>
    </div>
  );
}

/** Nothing is there yet, and what to do about it. */
export function Empty(props: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <p class="empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}
