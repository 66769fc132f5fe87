/** Whose services are, as far as pushes must know. */
export interface ServiceOwners {
  /** Undefined: the name is nobody's. */
  of(service: string): Promise<string | undefined>;
  /** Gives a name that nobody has to the tenant; false: it is another's. */
  claim(service: string, tenant: string): Promise<boolean>;
}
