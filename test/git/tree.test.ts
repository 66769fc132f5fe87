import * as fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Git } from "../../src/git/plumbing.ts";
import { encodeTree } from "../../src/git/tree.ts";
import { openTestRepositories, temporaryFolder } from "./helpers.ts";

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let git: Git;
let repository: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  const opened = await openTestRepositories(folder.path);
  git = opened.git;
  repository = await opened.repositories.ensure("churn");
});
afterAll(() => folder.remove());

it("encodes trees as git mktree does", async () => {
  const object = "1a".repeat(20);
  const path = fc.stringMatching(/^[ -.0-~äé]{1,8}$/).filter((name) => !/^(?:\.\.?|\.git)$/i.test(name));
  const entry = fc.record({ mode: fc.constantFrom("100644", "100755", "040000"), path });
  const entries = fc.uniqueArray(entry, { selector: (one) => one.path, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(entries, async (listed) => {
      const lines = listed.map(({ mode, path }) => {
        return `${mode} ${mode === "040000" ? "tree" : "blob"} ${object}\t${path}\0`;
      });
      const theirs = await git.text(["mktree", "-z", "--missing"], { repository, input: lines.join("") });
      const ours = await git.text(["hash-object", "-t", "tree", "--literally", "--stdin"], {
        repository,
        input: encodeTree(listed.map(({ mode, path }) => ({ mode, path, object }))),
      });
      expect(ours).toBe(theirs);
    }),
    { numRuns: 25 },
  );
});
