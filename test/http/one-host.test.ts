import { expect, it } from "vitest";
import { hostsError } from "../../src/http/one-host.ts";

it("refuses a second Host header, however it is written", () => {
  expect(hostsError(["Host", "a", "Accept", "host"])).toBeNull();
  expect(hostsError(["Accept", "x"])).toBeNull();
  expect(hostsError(["Host", "a", "x-host", "b", "hOST", "a"])).toMatchObject({
    code: "HTTP_MALFORMED",
    status: 400,
  });
});
