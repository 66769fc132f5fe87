export { importAll } from "./import-all.ts";
export { MlflowSource } from "./mlflow-source.ts";
export { Platform } from "./platform.ts";
