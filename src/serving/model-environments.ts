/** The Python environments that MLflow models declare, on the machine that serves them. */
export interface ModelEnvironments {
  /**
   * Interpreter of the environment that the MLflow model in this folder declares; built first when it isn't there.
   * ENVIRONMENT_* errors say what is missing, or how the installer ended.
   */
  prepare(modelDir: string): Promise<string>;
  /** Into the log of what was done for that model. */
  log(modelDir: string, text: string): void;
}
