import { defineCommand, type Migration } from "./database.ts";

/**
 * Which platform runs the projects of a database that several platforms share. Pipelines, rollouts and services belong
 * to the Git repositories of one data folder; tracking and the registry belong to the database.
 */
export const ownerMigrations: readonly Migration[] = [
  {
    id: "owner-001",
    statements: [
      `CREATE TABLE platform_owner (one SMALLINT PRIMARY KEY CHECK (one = 1), platform TEXT NOT NULL,
        data_folder TEXT NOT NULL, claimed_at BIGINT NOT NULL)`,
    ],
  },
];

export interface Owner {
  /** Id of the platform. */
  platform: string;
  /** Its data folder, as it was when it claimed the database. */
  dataFolder: string;
}

/** The first platform that asks owns the database; every later one is told who does. A SQLite file has one platform. */
export const claimDatabase = defineCommand(
  "owner.claim",
  async (tx, { platform, dataFolder, now }: Owner & { now: number }): Promise<Owner> => {
    if (tx.dialect === "sqlite") return { platform, dataFolder };
    await tx.run(
      "INSERT INTO platform_owner (one, platform, data_folder, claimed_at) VALUES (1, ?, ?, ?) ON CONFLICT DO NOTHING",
      [platform, dataFolder, now],
    );
    const owner = await tx.get<{ platform: string; data_folder: string }>(
      "SELECT platform, data_folder FROM platform_owner WHERE one = 1",
    );
    return { platform: owner?.platform ?? platform, dataFolder: owner?.data_folder ?? dataFolder };
  },
);

export const ownerCommands = [claimDatabase];
