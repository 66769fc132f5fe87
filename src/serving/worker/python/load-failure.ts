import { SlipwayError } from "../../../http/errors.ts";

const SHOWN_LINES = 12;

/** Why a Python process couldn't load its model: the exception, and the end of its traceback as details. */
export function loadFailure(message: string, lastLines: readonly string[]): SlipwayError {
  const lines = lastLines.slice(-SHOWN_LINES);
  if (message.startsWith("LookupError: the model has"))
    return new SlipwayError("MODEL_SIGNATURE_MISSING", message.slice("LookupError: ".length));
  const module = /^ModuleNotFoundError: No module named '([^']+)'/.exec(message)?.[1];
  if (module !== undefined)
    return new SlipwayError(
      "MODEL_LOAD_FAILED",
      `the model needs the Python module ${module}, which its declared environment doesn't have`,
      {
        hint: "Log it with the module's package in pip_requirements, or the module itself in code_paths.",
        details: { lastLines: lines },
      },
    );
  return new SlipwayError("MODEL_LOAD_FAILED", `MLflow can't load the model: ${withLines(message, lines)}`, {
    hint: "Load it with mlflow.pyfunc.load_model in the environment that it declares; `slipway logs service/<model>` shows the whole traceback.",
    details: { lastLines: lines },
  });
}

/** The process is gone, or had to be ended. */
export function processDied(how: string, lastLines: readonly string[]): SlipwayError {
  const crash = lastLines.findIndex((line) => line.startsWith("Current thread"));
  // Where native code crashed, the innermost frames come first.
  const lines = crash < 0 ? lastLines.slice(-SHOWN_LINES) : lastLines.slice(crash + 1, crash + 5);
  return new SlipwayError("MODEL_DIED", withLines(`the model's Python process ended by ${how}`, lines), {
    details: { lastLines: lines },
  });
}

function withLines(message: string, lines: readonly string[]): string {
  const shown = lines.slice(-4).map((line) => line.trim());
  return shown.length === 0 ? message : `${message} (its last lines: ${shown.join(" / ")})`;
}
