import { systemClock } from "../../src/base/clock.ts";
import { openEnvironmentRepository } from "../../src/git/environment-repository.ts";
import { environmentRepositoryContract } from "../contract/environment-repository.ts";
import { openTestRepositories, temporaryFolder } from "./helpers.ts";

environmentRepositoryContract("bare repository", async () => {
  const folder = await temporaryFolder();
  const { git, repositories } = await openTestRepositories(folder.path);
  const path = await repositories.ensure("environment");
  const repository = openEnvironmentRepository({ path, git, clock: systemClock });
  return { repository, pushed: () => repository.pushed(), close: folder.remove };
});
