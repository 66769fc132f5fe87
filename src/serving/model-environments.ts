/** The Python environments that MLflow models declare, on the machine that serves them. */
export interface ModelEnvironments {
  /**
   * Interpreter of the environment that the MLflow model in this folder declares; built first when it isn't there.
   * ENVIRONMENT_* errors say what is missing, or how the installer ended.
   */
  prepare(modelDir: string): Promise<string>;
  /**
   * Folder with what converts models of such an environment to ONNX, as far as it hasn't that itself, to be put behind
   * its own packages; undefined when it has everything. Built first when it isn't there; ENVIRONMENT_* errors.
   */
  converters(modelDir: string, python: string): Promise<string | undefined>;
  /** Into the log of what was done for that model. */
  log(modelDir: string, text: string): void;
}
