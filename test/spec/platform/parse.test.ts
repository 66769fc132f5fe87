import { describe, expect, test } from "vitest";
import { z } from "zod";
import { formatProblems } from "../../../src/spec/format.ts";
import type { ComponentSpec } from "../../../src/spec/platform/component-spec.ts";
import { parsePlatform } from "../../../src/spec/platform/parse.ts";
import type { PlatformAt } from "../../../src/spec/platform/parse.ts";

const COMPONENTS: readonly ComponentSpec[] = [
  { name: "gateway", summary: "A gateway.", options: z.strictObject({ replicas: z.int().default(2) }) },
  { name: "kserve", summary: "KServe.", options: z.strictObject({}), requires: [["gateway", "mesh"]] },
  { name: "argoCd", summary: "Argo CD.", options: z.strictObject({}), excludes: ["flux"] },
  { name: "flux", summary: "Flux.", options: z.strictObject({}), excludes: ["argoCd"] },
  {
    name: "postgresql",
    summary: "PostgreSQL.",
    options: z.strictObject({ url: z.strictObject({ secret: z.string(), key: z.string() }) }),
  },
];

const HEAD = `apiVersion: slipway/v1
kind: Platform
name: delivery
kubernetes: { version: "1.36" }
domain: ml.example.com
`;

function parse(rest: string, head = HEAD) {
  return parsePlatform(head + rest, "platform.yaml", COMPONENTS);
}

function problemsOf(rest: string, head = HEAD): string[] {
  const result = parse(rest, head);
  if (result.ok) return [];
  return result.problems.map(({ line, column, rule, message }) => `${line}:${column} ${rule}: ${message}`);
}

function platformOf(rest: string, environment?: string): PlatformAt {
  const result = parse(rest);
  if (!result.ok) throw new Error(JSON.stringify(result.problems, null, 2));
  const { base, environments } = result.value;
  const found = environment === undefined ? base : environments.get(environment);
  if (found === undefined) throw new Error("no such environment");
  return found;
}

const TENANT = "name: team-a, quota: { cpu: 8, memory: 16Gi }";

describe("a file", () => {
  test("gets defaults, and quantities as Kubernetes writes them", () => {
    const { platform } = platformOf(`components: { gateway: {} }
tenants:
  - name: team-a
    people: { admins: ["group:ml", "user:ana@example.com", "serviceAccount:ci/deployer"] }
    quota: { cpu: 8, memory: 16Gi }
    services: [ { name: iris, image: "registry.example.com/iris:1" } ]
`);
    expect(platform).toMatchObject({
      name: "delivery",
      namespace: "slipway",
      components: { gateway: { replicas: 2 } },
      given: { secrets: [], storageClasses: [] },
    });
    expect(platform.tenants[0]).toMatchObject({
      quota: { cpu: "8", memory: "16Gi", pods: 50 },
      people: {
        admins: [
          { kind: "Group", name: "ml" },
          { kind: "User", name: "ana@example.com" },
          { kind: "ServiceAccount", namespace: "ci", name: "deployer" },
        ],
      },
      services: [{ runtime: "deployment", scale: { min: 2, max: 10, cpu: 50 }, port: 8080 }],
      alerts: { latencyP95: 500, errorRate: 0.01 },
    });
  });

  test("says all that is wrong at once, with its place and the nearest name", () => {
    expect(
      problemsOf(`namespce: x
components:
  gateway: { replica: 3 }
  kserv: {}
  kafka: {}
tenants:
  - { name: Team_A, quota: { cpu: lots, memory: 16 } }
`),
    ).toEqual([
      '6:1 unknown-key: the file has no key "namespce"; did you mean "namespace"?',
      '8:14 unknown-key: components.gateway has no key "replica"; did you mean "replicas"?',
      '9:3 unknown-component: there is no component "kserv"; did you mean "kserve"?',
      "10:3 not-built-yet: components.kafka isn't built yet: Kafka",
      "12:13 dns-label: tenants[0].name isn't a DNS label",
      "12:35 quantity: tenants[0].quota.cpu isn't a number of cores",
      "12:49 wrong-type: tenants[0].quota.memory has the wrong type",
    ]);
  });

  test("keeps the Kubernetes version from being read as a number", () => {
    const head = HEAD.replace('"1.36"', "1.30");
    const result = parse("", head);
    expect(result.ok ? [] : result.problems).toMatchObject([
      { line: 4, rule: "wrong-type", allowed: 'a minor version in quotes, such as "1.36"' },
    ]);
  });
});

describe("components", () => {
  test("that exclude each other are told once, with a way on", () => {
    expect(problemsOf("components:\n  flux: {}\n  argoCd: {}\n")).toEqual([
      "7:3 excludes: flux and argoCd exclude each other: both would rule the same objects",
    ]);
  });

  test("say which others they need", () => {
    expect(problemsOf("components: { kserve: {} }\n")).toEqual([
      "6:15 requires: kserve needs gateway or mesh",
    ]);
    expect(problemsOf("components: { kserve: {}, gateway: {} }\n")).toEqual([]);
  });
});

describe("tenants", () => {
  test.each([
    [`tenants: [ { ${TENANT} }, { ${TENANT} } ]`, "there are two tenants"],
    [`namespace: team-a\ntenants: [ { ${TENANT} } ]`, "the platform's own namespace"],
    [`given: { namespaces: [team-a] }\ntenants: [ { ${TENANT} } ]`, "it exists and isn't ours"],
    ["tenants: [ { name: kube-system, quota: { cpu: 1, memory: 1Gi } } ]", "taken by the cluster"],
  ])("that collide: %s", (rest, words) => {
    const problems = problemsOf(`${rest}\n`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(words);
  });

  test("whose quota is under what their services ask for", () => {
    expect(
      problemsOf(`tenants:
  - name: team-a
    quota: { cpu: 500m, memory: 1Gi, pods: 1 }
    services: [ { name: iris, image: "registry.example.com/iris:1", resources: { memory: 512Mi } } ]
`),
    ).toEqual([
      "8:19 quota-too-small: the quota of team-a is under what its services ask for: 1",
      "8:44 quota-too-small: the quota of team-a is under what its services ask for: 2 pods",
    ]);
  });

  test("with a model need KServe", () => {
    const service = "{ name: iris, model: { format: onnx, uri: 's3://models/iris' } }";
    expect(problemsOf(`tenants: [ { ${TENANT}, services: [ ${service} ] } ]\n`)[0]).toContain("needs kserve");
  });
});

describe("secrets in clear", () => {
  test("are refused and never shown", () => {
    const text = `components: { postgresql: { url: "postgres://ana:hunter2@db/x" } }
tenants: [ { ${TENANT}, password: hunter3 } ]
`;
    const result = parse(text);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(result.problems.map(({ rule }) => rule)).toContain("secret-in-clear");
    const shown = formatProblems(result.problems, result.text) + JSON.stringify(result.problems);
    expect(shown).not.toMatch(/hunter/);
  });

  test.each([
    ['"hun\\u0074er2 more"', /er2/],
    ["|\n  hunter2\n  second", /hunter2/],
    ["'hunter2\n  second', namespace: [x]", /hunter|second/],
  ])("however they are written: %s", (written, leak) => {
    const result = parse(`tenants: { password: ${written} }\n`);
    expect(result.ok).toBe(false);
    if (result.ok) return;
    expect(formatProblems(result.problems, result.text)).not.toMatch(leak);
  });

  test("aren't seen where a Secret is named", () => {
    expect(problemsOf("components: { postgresql: { url: { secret: database, key: password } } }\n")).toEqual(
      [],
    );
  });
});

describe("environments", () => {
  const OVERLAID = `components: { gateway: {} }
tenants:
  - { name: team-a, quota: { cpu: 8, memory: 16Gi } }
environments:
  dev:
    domain: dev.example.com
    components: { gateway: { replicas: 1 } }
    tenants:
      - { name: team-a, quota: { cpu: 1 } }
      - { name: team-b, quota: { cpu: 1, memory: 1Gi } }
  production:
    components: { gateway: null }
`;

  test("say what differs", () => {
    const dev = platformOf(OVERLAID, "dev");
    expect(dev.platform).toMatchObject({
      domain: "dev.example.com",
      components: { gateway: { replicas: 1 } },
      tenants: [
        { name: "team-a", quota: { cpu: "1", memory: "16Gi" } },
        { name: "team-b", quota: { cpu: "1", memory: "1Gi" } },
      ],
    });
    expect(platformOf(OVERLAID, "production").platform.components).toEqual({});
    expect(platformOf(OVERLAID).platform.tenants).toHaveLength(1);
  });

  test("know which line a value came from", () => {
    const dev = platformOf(OVERLAID, "dev");
    expect(dev.position(["tenants", 0, "quota", "cpu"])).toEqual({ line: 14, column: 39 });
    expect(dev.position(["tenants", 0, "quota", "memory"])).toEqual({ line: 8, column: 46 });
    expect(dev.position(["tenants", 1])).toEqual({ line: 15, column: 9 });
  });

  test("are checked whole, and the file's own problems are told once", () => {
    expect(
      problemsOf(`components: { kserve: {}, gateway: {}, kserv: {} }
environments:
  dev:
    name: other
    components: { gateway: null }
  staging:
    components: { gateway: { replicas: many } }
`),
    ).toEqual([
      "6:15 requires: kserve needs gateway or mesh, in the environment dev",
      '6:40 unknown-component: there is no component "kserv"; did you mean "kserve"?',
      '9:5 fixed-key: "name" is the same in every environment',
      "12:40 wrong-type: components.gateway.replicas has the wrong type, in the environment staging",
    ]);
  });
});
