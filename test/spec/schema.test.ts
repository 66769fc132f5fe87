import { expectTypeOf, test } from "vitest";
import type { z } from "zod";
import type { Project } from "../../src/spec/project.ts";
import type { projectSchema } from "../../src/spec/schema.ts";

test("the schema gives exactly a Project", () => {
  expectTypeOf<z.output<typeof projectSchema>>().toEqualTypeOf<Project>();
});
