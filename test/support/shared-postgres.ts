import { randomBytes } from "node:crypto";
import { inject } from "vitest";

/** The address of an empty schema in the PostgreSQL of this test run, which is started when it is first asked for. */
export async function freshPostgres(): Promise<string> {
  const answer = await fetch(inject("postgresDoor"));
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return `${text}?schema=test_${randomBytes(6).toString("hex")}`;
}
