// How a page asks the customer API.
//
// Invariants: what fails is a `Problem` with the server's own code and advice. Listeners are told of a session that is over, once
// for each answer. A change that moves money or makes a secret carries an idempotency key, the same for each try of one decision.

/** A problem document (RFC 9457), or what stands for it where no answer came. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/** Where the API is. */
const API = "/_farebox/v1/";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

interface Change {
  body?: unknown;
  /** Names the decision, where the server needs it. */
  key?: string;
}

const listeners = new Set<() => void>();

/** Calls `listener` whenever the API says that there is no session. */
export function onSessionOver(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A new name for a decision. */
export function decision(): string {
  return crypto.randomUUID();
}

/** Asks, and reads the answer's document. */
export async function ask<T>(method: Method, path: string, change: Change = {}): Promise<T> {
  const text = await askText(method, path, change);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

/** Reads a document. */
export function get<T>(path: string): Promise<T> {
  return ask<T>("GET", path);
}

/** The most pages that one list is read of. */
const MOST_PAGES = 20;

/** Reads all pages of a list, in order. */
export async function list<T>(path: string): Promise<T[]> {
  const all: T[] = [];
  let next: string | null = null;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const joined: string = path.includes("?") ? "&" : "?";
    const at: string = next === null ? path : `${path}${joined}cursor=${encodeURIComponent(next)}`;
    const answer = await get<{ items: T[]; cursor?: string | null }>(at);
    all.push(...answer.items);
    next = answer.cursor ?? null;
    if (next === null) break;
  }
  return all;
}

/** Asks, and gives the answer as it came: what is verified must not be read and written again. */
export async function askText(method: Method, path: string, { body, key }: Change = {}): Promise<string> {
  const headers: Record<string, string> = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key !== undefined) headers["idempotency-key"] = key;
  const request: RequestInit = { method, headers, credentials: "same-origin" };
  if (body !== undefined) request.body = JSON.stringify(body);
  let answer: Response;
  try {
    answer = await fetch(API + path, request);
  } catch {
    throw new Problem(0, "unreachable", "");
  }
  const text = await answer.text();
  if (answer.ok) return text;
  if (answer.status === 401 && !path.startsWith("sign-ins")) for (const listener of listeners) listener();
  throw problem(answer.status, text);
}

function problem(status: number, text: string): Problem {
  try {
    const { code, detail } = JSON.parse(text) as { code?: string; detail?: string };
    return new Problem(status, code ?? `status.${status}`, detail ?? "");
  } catch {
    return new Problem(status, `status.${status}`, "");
  }
}
