import { SlipwayError } from "../http/errors.ts";

/** 409: what a client asks for would change what serves behind the environment repository's back. */
export function served(message: string): SlipwayError {
  return new SlipwayError("MLFLOW_RESOURCE_CONFLICT", message);
}
