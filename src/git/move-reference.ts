import type { Git } from "./plumbing.ts";
import type { PushMirror } from "./push-mirror.ts";

interface ReferenceMove {
  /** The repository's name, and its absolute path. */
  name: string;
  path: string;
  ref: string;
  /** Its objects are in the repository, durably. */
  commit: string;
  /** What the reference names now; null: it isn't there. Nothing is moved when it names another. */
  previous: string | null;
}

/**
 * Moves a reference by compare-and-swap, once the mirror (where there is one) has the move. Every reference that the
 * platform itself moves goes this way. Rejects when it wasn't moved, or when nobody knows.
 */
export async function moveReference(
  { git, mirror }: { git: Git; mirror?: PushMirror | undefined },
  { name, path, ref, commit, previous }: ReferenceMove,
): Promise<void> {
  const before = previous ?? "0".repeat(commit.length);
  const objects = { repository: path, env: {} };
  const updates = [{ ref, commit, previous: before }];
  const move = await mirror?.begin(name, updates, objects);
  let isDone = false;
  try {
    await git.run(["update-ref", "-m", "slipway", ref, commit, before], { repository: path });
    isDone = true;
  } finally {
    await move?.end(isDone);
  }
}
