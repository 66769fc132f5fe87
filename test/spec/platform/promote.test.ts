import { describe, expect, test } from "vitest";
import { promote } from "../../../src/spec/platform/promote.ts";

const FILE = `# The delivery platform.
name: delivery
images: { slipway: "registry.example.com/slipway:1.0" }
domain: ml.example.com
tenants:
  - name: team-a
    services:
      - { name: iris, image: "registry.example.com/iris:1" }
environments:
  dev:
    domain: dev.example.com # a laptop
    images: { slipway: "registry.example.com/slipway:1.2" }
    tenants:
      - name: team-a
        services: [ { name: iris, image: "registry.example.com/iris:2", scale: { min: 1 } } ]
  staging:
    images:   { slipway: 'registry.example.com/slipway:1.1' }   # kept as it is written
  production: {}
`;

const paths = (list: readonly { path: readonly string[] }[]) => list.map(({ path }) => path.join("."));

describe("what runs", () => {
  test("is carried, and the rest named", () => {
    const { carried, kept, text } = promote(FILE, "dev", "production");
    expect(paths(carried)).toEqual(["images.slipway", "tenants.team-a.services.iris.image"]);
    expect(paths(kept)).toEqual(["domain", "tenants.team-a.services.iris.scale"]);
    expect(text).toContain(`  production:
    images:
      slipway: registry.example.com/slipway:1.2
    tenants:
      - name: team-a
        services:
          - name: iris
            image: registry.example.com/iris:2
`);
    expect(promote(text, "dev", "production").carried).toEqual([]);
    expect(text).toContain("# The delivery platform.");
  });

  test("changes no other character where a value takes a value's place", () => {
    const { text } = promote(FILE, "dev", "staging", [["images"]]);
    expect(text).toBe(FILE.replace("'registry.example.com/slipway:1.1'", "registry.example.com/slipway:1.2"));
  });

  test("leaves the overlay when the file itself says it", () => {
    const { carried, text } = promote(FILE, "production", "dev");
    expect(paths(carried)).toEqual(["images.slipway", "tenants.team-a.services.iris.image"]);
    expect(text).not.toContain("1.2");
    expect(text).not.toContain("iris:2");
    expect(text).toContain("scale:");
    expect(promote(text, "dev", "production").carried).toEqual([]);
  });
});

test("a part can be named", () => {
  const { carried, text } = promote(FILE, "dev", "production", [["domain"]]);
  expect(carried).toEqual([{ path: ["domain"], from: "dev.example.com", to: "ml.example.com" }]);
  expect(text).toContain("production:\n    domain: dev.example.com\n");
});
