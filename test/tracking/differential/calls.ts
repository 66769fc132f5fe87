import type { Call } from "./pair.ts";

type Options = Pick<Call, "as" | "ownWords">;

/** A text of so many characters. */
export const long = (length: number): string => "x".repeat(length);
export const post = (path: string, fields: object = {}, options: Options = {}): Call => ({
  method: "POST",
  path,
  fields,
  ...options,
});
export const get = (path: string, fields: object = {}, options: Options = {}): Call => ({
  method: "GET",
  path,
  fields,
  ...options,
});
export const patch = (path: string, fields: object = {}): Call => ({ method: "PATCH", path, fields });
export const remove = (path: string, fields: object = {}): Call => ({ method: "DELETE", path, fields });
export const put = (path: string, file: string): Call => ({ method: "PUT", path, file });
export const head = (path: string): Call => ({ method: "HEAD", path });
