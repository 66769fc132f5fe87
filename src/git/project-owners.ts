import { DEFAULT_TENANT } from "../http/identity.ts";
import { defineCommand, type Database, type Migration, type ReadTx } from "../store/database.ts";

/**
 * Whose a project is. Its name is the whole platform's, since the addresses of repositories carry no tenant. It belongs to
 * the tenant that pushed it first, for good; one that was there before belongs to the default tenant.
 */
export const projectOwnersMigration: Migration = {
  id: "git-002",
  statements: [
    "CREATE TABLE project_owners (project TEXT PRIMARY KEY, workspace TEXT NOT NULL)",
    "CREATE INDEX project_owners_by_workspace ON project_owners (workspace, project)",
    `INSERT INTO project_owners (project, workspace) SELECT DISTINCT project, '${DEFAULT_TENANT}' FROM project_pushes`,
  ],
};

/** Gives a name that nobody has to the tenant; answers whose it is. */
export const claimProject = defineCommand(
  "git.claim-project",
  async (tx, { project, tenant }: { project: string; tenant: string }): Promise<string> => {
    await tx.run(
      "INSERT INTO project_owners (project, workspace) VALUES (?, ?) ON CONFLICT (project) DO NOTHING",
      [project, tenant],
    );
    return (await ownerOfProject(tx, project)) ?? tenant;
  },
);

/** The tenant whose project this is; undefined: the name is nobody's. */
async function ownerOfProject(tx: ReadTx, project: string): Promise<string | undefined> {
  const row = await tx.get<{ workspace: string }>("SELECT workspace FROM project_owners WHERE project = ?", [
    project,
  ]);
  return row?.workspace;
}

/** Names of a tenant's projects after a name, in their order. */
async function projectsOf(
  tx: ReadTx,
  { tenant, after, limit }: { tenant: string; after: string; limit: number },
): Promise<string[]> {
  const rows = await tx.all<{ project: string }>(
    "SELECT project FROM project_owners WHERE workspace = ? AND project > ? ORDER BY project LIMIT ?",
    [tenant, after, limit],
  );
  return rows.map(({ project }) => project);
}

/** Whose projects are. */
export interface ProjectOwners {
  /** Undefined: the name is nobody's. */
  of(project: string): Promise<string | undefined>;
  /** Gives a name that nobody has to the tenant; answers whose it is. */
  claim(project: string, tenant: string): Promise<string>;
  /** A tenant's, by name. */
  list(page: { tenant: string; after: string; limit: number }): Promise<string[]>;
  /** Repositories that were there before anybody asked whose they are belong to the default tenant. */
  adopt(projects: readonly string[]): Promise<void>;
}

export function createProjectOwners(db: Database): ProjectOwners {
  const of = (project: string): Promise<string | undefined> => db.read((tx) => ownerOfProject(tx, project));
  const claim = (project: string, tenant: string): Promise<string> =>
    db.write(claimProject, { project, tenant });
  return {
    of,
    claim,
    list: (page) => db.read((tx) => projectsOf(tx, page)),
    async adopt(projects) {
      for (const project of projects)
        if ((await of(project)) === undefined) await claim(project, DEFAULT_TENANT);
    },
  };
}
