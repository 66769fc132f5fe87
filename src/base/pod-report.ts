/** A pod of a cluster, as far as it tells why something isn't well there. */
export interface PodReport {
  /** `namespace/name`. */
  name: string;
  /** Its phase, or what its container waits for or ended with. */
  state: string;
  /** When that began, in milliseconds since the epoch; null: it isn't known. */
  at: number | null;
  /** In one line: the conditions that don't hold, or what its container said at its end. */
  message: string;
  /** What the cluster said of it last, oldest first. */
  events: string[];
  /** Last lines of its container. */
  log: string[];
}
