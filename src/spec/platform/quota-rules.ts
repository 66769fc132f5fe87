import type { Issue } from "../issue.ts";
import { formatSize } from "../units.ts";
import type { Platform, Tenant } from "./platform.ts";
import { bytes, cores } from "./quantity.ts";

/** Quotas that don't hold what the tenant's own services ask for when each has as few pods as it may have. */
export function quotaIssues({ tenants }: Platform): Issue[] {
  return tenants.flatMap((tenant, index) => {
    const asked = askedAtLeast(tenant);
    const say = (key: string, given: string, asks: string): Issue => ({
      path: ["tenants", index, "quota", key],
      at: "value",
      rule: "quota-too-small",
      message: `the quota of ${tenant.name} is under what its services ask for: ${asks}`,
      given,
      allowed: `at least ${asks}, or fewer or smaller pods`,
    });
    const { cpu, memory, pods } = tenant.quota;
    return [
      ...(asked.cpu > cores(cpu) + 1e-9 ? [say("cpu", cpu, String(Number(asked.cpu.toFixed(3))))] : []),
      ...(asked.memory > bytes(memory) ? [say("memory", memory, formatSize(asked.memory))] : []),
      ...(asked.pods > pods ? [say("pods", String(pods), `${asked.pods} pods`)] : []),
    ];
  });
}

function askedAtLeast({ services }: Tenant): { cpu: number; memory: number; pods: number } {
  const sum = { cpu: 0, memory: 0, pods: 0 };
  for (const { scale, resources } of services) {
    sum.pods += scale.min;
    sum.cpu += scale.min * cores(resources.cpu);
    sum.memory += scale.min * bytes(resources.memory);
  }
  return sum;
}
