import type { Clock } from "../base/clock.ts";
import type { Exposition } from "./exposition.ts";
import type { MetricSource } from "./metrics-routes.ts";

/** What a process says of itself. */
export interface ProcessFigures {
  residentBytes: number;
  cpuSeconds: number;
  /** Milliseconds since the epoch. */
  startedAt: number;
}

/** Of the process that asks. @param now milliseconds since the epoch */
export function ownFigures(now: number): ProcessFigures {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    startedAt: Math.round(now - process.uptime() * 1_000),
  };
}

/** @param figures undefined: the process doesn't answer */
export function addProcess(
  page: Exposition,
  process: "serve" | "control",
  figures: ProcessFigures | undefined,
): void {
  page.add("slipway_process_up", { process }, figures === undefined ? 0 : 1);
  if (figures === undefined) return;
  page.add("slipway_process_resident_memory_bytes", { process }, figures.residentBytes);
  page.add("slipway_process_cpu_seconds_total", { process }, figures.cpuSeconds);
  page.add("slipway_process_start_time_seconds", { process }, figures.startedAt / 1_000);
}

/** Of a process that serves, by itself. */
export function serveMetrics({ version, clock }: { version: string; clock: Clock }): MetricSource {
  return async (page) => {
    page.add("slipway_build_info", { version }, 1);
    addProcess(page, "serve", ownFigures(clock.now()));
  };
}

/** Whether this control process is the one that leads. */
export function leaderMetrics(leads: () => boolean): MetricSource {
  return async (page) => page.add("slipway_control_leads", {}, leads() ? 1 : 0);
}

/** Which platform this is, and how its control process does. */
export function platformMetrics({ version, clock }: { version: string; clock: Clock }): MetricSource {
  return async (page) => {
    page.add("slipway_build_info", { version }, 1);
    addProcess(page, "control", ownFigures(clock.now()));
  };
}
