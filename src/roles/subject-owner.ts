import type { ProjectOwners } from "../git/project-owners.ts";
import { DEFAULT_TENANT } from "../http/identity.ts";
import { readPipelineRun } from "../pipelines/commands.ts";
import { selectRollout } from "../rollout/rows.ts";
import { ownerOfService } from "../rollout/service-owners.ts";
import type { Database } from "../store/database.ts";

/** The tenant whose a subject of events is; the default one where it says nothing about that. */
export function subjectOwner(
  db: Database,
  projects: Pick<ProjectOwners, "of">,
): (subject: string) => Promise<string> {
  return async (subject) => {
    const [kind = "", id = ""] = subject.split("/");
    return (await ownerOf(kind, id)) ?? DEFAULT_TENANT;
  };

  async function ownerOf(kind: string, id: string): Promise<string | undefined> {
    if (kind === "project") return projects.of(id);
    return db.read(async (tx) => {
      if (kind === "service" || kind === "version") return ownerOfService(tx, id);
      if (kind === "pipeline-run" || kind === "step") return (await readPipelineRun(tx, id))?.tenant;
      if (kind !== "rollout") return undefined;
      const rollout = await selectRollout(tx, id);
      return rollout && ownerOfService(tx, rollout.service);
    });
  }
}
