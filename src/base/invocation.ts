/** What the world outside gave this process. Only main.ts reads it. */
export interface Invocation {
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
  /** The package: package.json and templates/ lie in it. */
  packageDir: string;
  mainFile: string;
  writerFile: string;
}
