import type { Repositories } from "../git/repositories.ts";
import { SlipwayError } from "../http/errors.ts";
import { formatProblems } from "../spec/format.ts";
import { parseProject } from "../spec/parse.ts";
import type { Project } from "../spec/project.ts";

const SPEC_FILE = "slipway.yaml";
const COMMIT = /^[0-9a-f]{7,64}$/;

/** Reads a project's spec at a commit of its repository; without one, at the head of its default branch. */
export function projectReader(
  repositories: Repositories,
): (project: string, commit?: string) => Promise<{ commit: string; ref: string; spec: Project }> {
  return async (project, given) => {
    if (!(await repositories.exists(project))) {
      throw new SlipwayError("NOT_FOUND", `there is no project ${project}`);
    }
    if (given !== undefined && !COMMIT.test(given)) {
      throw new SlipwayError("INVALID_REQUEST", "that isn't a commit", {
        given,
        allowed: "a commit's hexadecimal id",
      });
    }
    const ref = await repositories.defaultBranch(project);
    const commit = await repositories.resolve(project, given ?? ref);
    if (commit === null) {
      throw new SlipwayError("NOT_FOUND", `project ${project} has no commit ${given ?? `on ${ref}`}`);
    }
    const text = await repositories.git.text(["show", `${commit}:${SPEC_FILE}`], {
      repository: repositories.path(project),
    });
    const parsed = parseProject(text, SPEC_FILE);
    if (parsed.ok) return { commit, ref, spec: parsed.value };
    throw new SlipwayError("INVALID_REQUEST", formatProblems(parsed.problems, text), {
      where: `${project} at ${commit.slice(0, 12)}`,
    });
  };
}
