/** What the world outside gave this process. Only main.ts reads it. */
export interface Invocation {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  mainFile: string;
  writerFile: string;
}
