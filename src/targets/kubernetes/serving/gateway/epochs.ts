/**
 * What the units of a service count for behind a gateway: the commit of its rule alone while nothing is divided; an interval
 * of a trial until it is known what share its units were; or the commit marked as in no test, as our router marks it.
 */
export function intervalEpoch(commit: string, leader: string, number: number): string {
  return `${commit}@${leader}.${number}`;
}

/** Of an interval whose share isn't known, or never will be. */
export function isOpenEpoch(epoch: string): boolean {
  return epoch.includes("@");
}

/** Counted for people and in no test: what came while weights changed. */
export function leftOutEpoch(epoch: string): string {
  return `${commitOfEpoch(epoch)}~`;
}

/** Of units that came after an emergency stop. */
export function stoppedEpoch(commit: string): string {
  return `${commit}!`;
}

export function commitOfEpoch(epoch: string): string {
  const [commit = ""] = epoch.split("@", 1);
  return commit.replace(/[!~]+$/, "");
}
