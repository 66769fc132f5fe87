/** One line into the process's log. */
export function note(line: string): void {
  console.error(`${new Date().toISOString()} ${line}`);
}

/** Defects go to the process's log with their stack; callers never see one. Without an error `where` says it all. */
export function logDefect(error: unknown, where = "control"): void {
  if (error === undefined) return note(where);
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const cause =
    error instanceof Error && error.cause !== undefined ? `\n  caused by ${String(error.cause)}` : "";
  return note(`${where}: ${text}${cause}`);
}
