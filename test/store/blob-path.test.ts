import { win32, posix } from "node:path";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SlipwayError } from "../../src/http/errors.ts";
import { checkBlobPath } from "../../src/store/blob-path.ts";

function refused(path: string): boolean {
  try {
    checkBlobPath(path);
    return false;
  } catch (error) {
    return error instanceof SlipwayError && error.code === "BLOB_PATH_REFUSED";
  }
}

/** Percent-encodes every character, dots and slashes too. */
function encodeAll(text: string): string {
  return [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, "0")}`).join("");
}

const name = fc.stringMatching(/^[A-Za-z0-9_ äß€#?&=+@~,;()[\]-]{1,20}(\.[a-z0-9]{1,5})?$/);

describe("checkBlobPath", () => {
  it.each([
    "../x",
    "a/../x",
    "a/..",
    "..",
    ".",
    "a/./b",
    "/etc/passwd",
    "//proc/self/environ",
    "a//b",
    "a/",
    "C:/x",
    "c:x",
    "a\\b",
    "..\\x",
    "a\u0000b",
    "a\nb",
    "%2e%2e/x",
    "%2E%2e%2fx",
    "a/%2e%2e/x",
    "%252e%252e%252fx",
    "%25252e%25252e/x",
    "%2fetc/passwd",
    "%5c..%5cx",
    "a%00b",
    "%43%3a/x",
    ".%2e/x",
    "%2e./x",
    "a%2f%2fb",
  ])("refuses %j", (path) => expect(refused(path)).toBe(true));

  it.each([
    "",
    "a",
    "1/ab/artifacts/model/model.onnx",
    "..a",
    "a..",
    "...",
    "a b",
    "100%",
    "100%25",
    "%zz",
    "a%20b",
    "ü/ß.txt",
    "ab:c",
    "#x",
    "~",
    "-rf",
  ])("accepts %j unchanged", (path) => expect(checkBlobPath(path)).toBe(path));

  it("refuses what is too long", () => {
    expect(refused("a".repeat(256))).toBe(true);
    expect(refused(Array.from({ length: 2100 }, () => "a").join("/"))).toBe(true);
  });

  it("accepts every path of ordinary names", () => {
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 6 }), (names) => {
        const path = names.join("/");
        expect(checkBlobPath(path)).toBe(path);
      }),
    );
  });

  it("refuses a way up at any place, behind any number of encodings", () => {
    const up = fc.constantFrom("..", ".", "", "a\\b", "a\u0000");
    fc.assert(
      fc.property(
        fc.array(name, { maxLength: 4 }),
        up,
        fc.array(name, { minLength: 1, maxLength: 4 }),
        fc.nat(4),
        (before, bad, after, layers) => {
          let path = [...before, bad, ...after].join("/");
          for (let layer = 0; layer < layers; layer++) path = encodeAll(path).slice(0, 4000);
          expect(refused(path)).toBe(true);
        },
      ),
    );
  });

  it("never lets anything out of the root, however it is decoded afterwards", () => {
    const pieces = fc.constantFrom(
      "..",
      ".",
      "/",
      "\\",
      "%2e",
      "%2f",
      "%5c",
      "%25",
      "%252e",
      "a",
      "C:",
      "%00",
      "%",
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        let path = parts.join("");
        if (refused(path)) return;
        for (let layer = 0; layer < 10; layer++) {
          for (const flavour of [posix, win32]) {
            const root = flavour === posix ? "/root" : "C:\\root";
            const resolved = flavour.resolve(root, path);
            expect(resolved === root || resolved.startsWith(root + flavour.sep)).toBe(true);
          }
          path = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) =>
            String.fromCharCode(Number.parseInt(hex, 16)),
          );
        }
      }),
      { numRuns: 2000 },
    );
  });
});
