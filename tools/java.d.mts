/** Checks that a Java of this version or newer can be run, from JAVA_HOME or PATH. Throws with what is missing. */
export function requireJava(wanted: number, env?: Record<string, string | undefined>): void;
