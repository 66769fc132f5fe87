/** What a person who waits is told, one line each. */
export type Progress =
  | { step: "applied" | "replaced" | "deleted"; key: string; done: number; of: number }
  | { step: "kept"; key: string; why: string }
  | { step: "waiting"; key: string; why: string }
  | { step: "ready"; done: number; of: number };

export type Report = (progress: Progress) => void;

/** As a line of text. */
export function progressWords(progress: Progress): string {
  switch (progress.step) {
    case "applied":
    case "replaced":
    case "deleted":
      return `${progress.done}/${progress.of} ${progress.step} ${progress.key}`;
    case "kept":
      return `kept ${progress.key}: ${progress.why}`;
    case "waiting":
      return `waiting for ${progress.key}: ${progress.why}`;
    case "ready":
      return `${progress.done}/${progress.of} ready`;
  }
}
