import { describe, expect, it } from "vitest";
import { encodeQuery, payloadHash, presignedQuery, signedHeaders } from "../../src/store/s3/signature.ts";
import { elements, escapeXml, textOf } from "../../src/store/s3/xml.ts";

/** The examples in AWS's own description of Signature Version 4 for S3. */
const SCOPE = {
  credentials: {
    accessKeyId: "AKIAIOSFODNN7EXAMPLE",
    secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
  },
  region: "us-east-1",
  now: Date.UTC(2013, 4, 24),
};
const request = (method: string, path: string, query: Record<string, string> = {}) => ({
  method,
  host: "examplebucket.s3.amazonaws.com",
  path,
  query,
});
const signatureOf = (headers: Record<string, string>) =>
  /Signature=(\w+)$/.exec(headers["authorization"] ?? "")?.[1];

describe("the signature of a request", () => {
  it("of a range is AWS's", () => {
    const headers = signedHeaders(request("GET", "/test.txt"), { Range: "bytes=0-9" }, payloadHash(), SCOPE);
    expect(signatureOf(headers)).toBe("f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  });

  it("of an upload is AWS's", () => {
    const body = new TextEncoder().encode("Welcome to Amazon S3.");
    const given = { Date: "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY" };
    const headers = signedHeaders(request("PUT", "/test%24file.text"), given, payloadHash(body), SCOPE);
    expect(signatureOf(headers)).toBe("98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
  });

  it("of a query is AWS's", () => {
    const query = { prefix: "J", "max-keys": "2" };
    const headers = signedHeaders(request("GET", "/", query), {}, payloadHash(), SCOPE);
    expect(signatureOf(headers)).toBe("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
  });

  it("of an address is AWS's, and a session's token is part of it", () => {
    expect(presignedQuery(request("GET", "/test.txt"), {}, 86_400, SCOPE)).toMatch(
      /&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404$/,
    );
    const session = { ...SCOPE, credentials: { ...SCOPE.credentials, sessionToken: "t/k" } };
    expect(presignedQuery(request("GET", "/x"), {}, 1, session)).toContain("X-Amz-Security-Token=t%2Fk");
    expect(signedHeaders(request("GET", "/x"), {}, payloadHash(), session)).toMatchObject({
      "x-amz-security-token": "t/k",
    });
  });

  it("has its query sorted and encoded to the letter", () =>
    expect(encodeQuery({ b: "a b/*'~", A: "ü", a: "" })).toBe("A=%C3%BC&a=&b=a%20b%2F%2A%27~"));
});

describe("XML", () => {
  it("is read element by element, with what stands for characters", () => {
    const xml = '<R xmlns="x"><K a="1">a&amp;b&#x26;&#38;&lt;&unknown;</K><Key/><K>2</K></R>';
    expect(elements(xml, "K")).toHaveLength(2);
    expect(textOf(xml, "K")).toBe("a&b&&<&unknown;");
    expect(textOf(xml, "None")).toBeUndefined();
  });

  it("is written so that nothing in a name is markup", () => {
    const name = `</Key><Key>"'&`;
    expect(textOf(`<Key>${escapeXml(name)}</Key>`, "Key")).toBe(name);
  });
});
