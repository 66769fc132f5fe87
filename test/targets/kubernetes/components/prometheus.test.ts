import { expect, test } from "vitest";
import { broken, bytes, small } from "./platform.ts";

const TENANTS = `tenants:
  - name: team-a
    quota: { cpu: 8, memory: 16Gi }
    services: [{ name: iris, image: "registry.example.com/iris:1.4.0" }]
  - name: team-b
    quota: { cpu: 8, memory: 16Gi }
    alerts: { receiver: { email: b@example.com } }
`;
const SMALL = `components: { certManager: {}, gateway: {}, prometheus: { smtp: { host: mail.example.com, from: a@example.com } } }
${TENANTS}`;

test("a small platform with it is the same bytes every time, and wired to what is there", () => {
  const rendered = small(SMALL);
  expect(bytes(small(SMALL))).toBe(bytes(rendered));
  expect(broken(rendered)).toEqual([]);
});
