// One change at a time: busy while it runs, and what went wrong after it.

import { useState } from "preact/hooks";
import type { Problem } from "../kit/api.ts";
import { asProblem } from "../kit/remote.tsx";

export interface Act {
  busy: boolean;
  problem: Problem | null;
  run: (work: () => Promise<void>) => void;
}

export function useAct(): Act {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    work()
      .catch((error: unknown) => setProblem(asProblem(error)))
      .finally(() => setBusy(false));
  };
  return { busy, problem, run };
}
