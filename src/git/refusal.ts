/** Why a push is refused: lines for the pusher, the last of which says what to do next. */
export interface Refusal {
  lines: string[];
}

export function refuse(...lines: string[]): Refusal {
  return { lines: lines.flatMap((line) => line.trimEnd().split("\n")) };
}

/** Where a push's objects are while it is judged: in the repository, and beside it in a folder of their own. */
export interface PushedObjects {
  /** Absolute path of the bare repository. */
  repository: string;
  /** For every Git call that is to see the pushed objects. */
  env: Readonly<Record<string, string>>;
}
