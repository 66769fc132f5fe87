/** Prompts are registered models with this tag, `true` on the model and on each version. */
export const PROMPT_TAG = "mlflow.prompt.is_prompt";
/** Of a version: its template. */
export const TEXT_TAG = "mlflow.prompt.text";
/** Of a version: `text` or `chat`. */
export const TYPE_TAG = "_mlflow_prompt_type";
