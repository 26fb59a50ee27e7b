// What went wrong with a change, where it was asked for.

import type { Problem } from "../kit/api.ts";
import { advice } from "../kit/remote.tsx";

export function Wrong({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <p class="banner bad" role="alert">
      {advice(problem)}
    </p>
  );
}
