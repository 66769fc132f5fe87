export interface Layer {
  name: string;
  /** File with the compressed archive. */
  blob: string;
  digest: string;
  size: number;
  diffId: string;
}
/** A compressed archive of these entries, kept in `folder`. */
export function layer(name: string, entries: readonly object[], folder?: string): Promise<Layer>;
