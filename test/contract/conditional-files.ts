import { expect, it } from "vitest";
import type { ConditionalFiles } from "../../src/store/conditional-files.ts";

/** What every implementation of ConditionalFiles promises. `another` is the same store as another process sees it. */
export function conditionalFilesContract(
  open: () => Promise<{ one: ConditionalFiles; another: ConditionalFiles }>,
): void {
  it("writes a new file once, and replaces it only by the tag that it has", async () => {
    const { one, another } = await open();
    expect(await one.read("a/b.json")).toBeUndefined();
    expect(await one.write("a/b.json", "0", '"none"')).toBeUndefined();
    const first = await one.write("a/b.json", "1", null);
    expect(first).toBeTypeOf("string");
    expect(await another.write("a/b.json", "x", null)).toBeUndefined();
    expect(await another.read("a/b.json")).toEqual({ text: "1", tag: first });
    const second = await another.write("a/b.json", "2", first ?? "");
    expect(second).toBeTypeOf("string");
    expect(second).not.toBe(first);
    expect(await one.write("a/b.json", "3", first ?? "")).toBeUndefined();
    expect(await one.read("a/b.json")).toEqual({ text: "2", tag: second });
  });

  it("lets one of many writers win each round", async () => {
    const { one, another } = await open();
    let tag: string | null = null;
    for (let round = 0; round < 5; round++) {
      const before: string | null = tag;
      const tags: (string | undefined)[] = await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          (index % 2 === 0 ? one : another).write("c.json", `${round} of ${index}`, before),
        ),
      );
      const won = tags.flatMap((found, index) => (found === undefined ? [] : [{ found, index }]));
      expect(won).toHaveLength(1);
      tag = won[0]?.found ?? null;
      expect(await one.read("c.json")).toEqual({ text: `${round} of ${won[0]?.index}`, tag });
    }
  });

  it("refuses paths that lead out of it", async () => {
    const { one } = await open();
    await expect(one.read("../a")).rejects.toMatchObject({ code: "BLOB_PATH_REFUSED" });
    await expect(one.write("/a", "", null)).rejects.toMatchObject({ code: "BLOB_PATH_REFUSED" });
  });
}
