import { afterAll, beforeEach, describe, expect, it } from "vitest";
import type { EnvironmentCommit, EnvironmentRepository, ServiceState } from "../../src/git/environment.ts";

/** What a test of one implementation hands to the suite. */
export interface EnvironmentRepositoryUnderTest {
  repository: EnvironmentRepository;
  /** Accepts a person's push, as the implementation's own way in would; calls what `onPush` was given. */
  pushed(): void;
  close(): Promise<void>;
}

/** Holds for every implementation of EnvironmentRepository. */
export function environmentRepositoryContract(
  name: string,
  open: () => Promise<EnvironmentRepositoryUnderTest>,
): void {
  describe(`environment repository: ${name}`, () => {
    let under: EnvironmentRepositoryUnderTest;
    let repository: EnvironmentRepository;
    beforeEach(async () => {
      await under?.close();
      under = await open();
      repository = under.repository;
    });
    afterAll(() => under?.close());

    const commit = async (parent: string | null, state: ServiceState, subject = "change") => {
      const answer = await repository.commit({
        parent,
        service: state.name,
        state,
        subject,
        body: "",
        trailers: {},
      });
      if (!("commit" in answer)) throw new Error(`conflict with ${answer.conflict}`);
      return answer.commit;
    };

    it("has no head before the first commit", async () => {
      expect(await repository.head()).toBeNull();
    });

    it("gives back what was committed, with its message, trailers and order", async () => {
      const answer = await repository.commit({
        parent: null,
        service: "churn",
        state: { name: "churn", champion: 3, challenger: 4, weight: 12.5 },
        subject: "churn: version 4 gets 12.5 %",
        body: "Because of the evidence.\n\nMore: of it.",
        trailers: { "Slipway-Intent": "in-1", "Slipway-Rollout": "ro-1" },
      });
      if (!("commit" in answer)) throw new Error("a conflict with nobody");
      expect(answer.commit).toMatchObject({
        parent: null,
        order: 1,
        author: "Slipway",
        trailers: { "Slipway-Intent": "in-1", "Slipway-Rollout": "ro-1" },
      });
      expect(answer.commit.message).toContain("churn: version 4 gets 12.5 %\n\nBecause of the evidence.");
      expect(await repository.head()).toEqual(answer.commit);
      expect(await repository.read(answer.commit.commit)).toEqual(
        new Map([["churn", { name: "churn", champion: 3, challenger: 4, weight: 12.5 }]]),
      );
    });

    it("takes a message with characters that are no text", async () => {
      const { commit } = (await repository.commit({
        parent: null,
        service: "m",
        state: { name: "m", champion: 1, weight: 0 },
        subject: "roll\u0000back",
        body: "because\u0000 of\u001b[2J\n\tthis",
        trailers: { "Slipway-Intent": "in\u00001" },
      })) as { commit: EnvironmentCommit };
      expect(commit.message).toContain("roll back\n\nbecause  of [2J\n\tthis");
      expect(commit.trailers["Slipway-Intent"]).toBe("in 1");
    });

    it("keeps other services, and removes one when told", async () => {
      const first = await commit(null, { name: "a", champion: 1, weight: 0 });
      const second = await commit(first.commit, { name: "b", champion: 2, weight: 0 });
      expect([...(await repository.read(second.commit)).keys()].sort()).toEqual(["a", "b"]);
      const removed = await repository.commit({
        parent: second.commit,
        service: "a",
        state: null,
        subject: "a goes",
        body: "",
        trailers: {},
      });
      if (!("commit" in removed)) throw new Error("conflict");
      expect([...(await repository.read(removed.commit.commit)).keys()]).toEqual(["b"]);
      expect([...(await repository.read(second.commit)).keys()].sort()).toEqual(["a", "b"]);
    });

    it("answers the head it found instead, and changes nothing", async () => {
      const first = await commit(null, { name: "a", champion: 1, weight: 0 });
      const second = await commit(first.commit, { name: "a", champion: 2, weight: 0 });
      const stale = { service: "a", state: null, subject: "late", body: "", trailers: {} };
      expect(await repository.commit({ ...stale, parent: first.commit })).toEqual({
        conflict: second.commit,
      });
      expect(await repository.commit({ ...stale, parent: null })).toEqual({ conflict: second.commit });
      expect((await repository.head())?.commit).toBe(second.commit);
    });

    it("lets exactly one of many committers with the same parent win", async () => {
      const first = await commit(null, { name: "a", champion: 1, weight: 0 });
      const answers = await Promise.all(
        [2, 3, 4, 5].map((champion) =>
          repository.commit({
            parent: first.commit,
            service: "a",
            state: { name: "a", champion, weight: 0 },
            subject: `to ${champion}`,
            body: "",
            trailers: {},
          }),
        ),
      );
      const won = answers.filter((answer) => "commit" in answer);
      expect(won).toHaveLength(1);
      const head = await repository.head();
      expect(won[0]).toEqual({ commit: head });
      for (const answer of answers) {
        if (!("commit" in answer)) expect(answer.conflict).toBe(head?.commit);
      }
      expect(head?.order).toBe(2);
    });

    it("tells its history oldest first, in pieces", async () => {
      const made: string[] = [];
      for (let version = 1; version <= 4; version++) {
        const state = { name: "a", champion: version, weight: 0 };
        made.push((await commit(made.at(-1) ?? null, state, `version ${version}`)).commit);
      }
      const until = made[3] ?? "";
      const all = await repository.history({ since: null, until, limit: 10 });
      expect(all.map((c) => c.commit)).toEqual(made);
      expect(all.map((c) => c.order)).toEqual([1, 2, 3, 4]);
      const piece = await repository.history({ since: made[0] ?? "", until, limit: 2 });
      expect(piece.map((c) => c.commit)).toEqual(made.slice(1, 3));
      expect(await repository.history({ since: until, until, limit: 2 })).toEqual([]);
    });

    it("knows ancestors", async () => {
      const first = await commit(null, { name: "a", champion: 1, weight: 0 });
      const second = await commit(first.commit, { name: "a", champion: 2, weight: 0 });
      expect(await repository.isAncestor(first.commit, second.commit)).toBe(true);
      expect(await repository.isAncestor(first.commit, first.commit)).toBe(true);
      expect(await repository.isAncestor(second.commit, first.commit)).toBe(false);
      expect(await repository.isAncestor("0123456789".repeat(4), first.commit)).toBe(false);
    });

    it("refuses a service that isn't the state's", async () => {
      const change = { parent: null, subject: "x", body: "", trailers: {} };
      const state = { name: "b", champion: 1, weight: 0 };
      await expect(repository.commit({ ...change, service: "a", state })).rejects.toThrow("can't be");
      await expect(
        repository.commit({ ...change, service: "../a", state: { ...state, name: "../a" } }),
      ).rejects.toThrow("can't be");
      expect(await repository.head()).toBeNull();
    });

    it("calls its listeners after a push", () => {
      let calls = 0;
      repository.onPush(() => calls++);
      under.pushed();
      expect(calls).toBe(1);
    });
  });
}
