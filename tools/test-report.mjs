// What `npm test` wants to know about a run of vitest, as one JSON file: how many tests passed and failed, which were
// skipped and why, and how long every file took. `vitest run --reporter=tools/test-report.mjs`, the file's path in
// SLIPWAY_TEST_REPORT.
import { writeFileSync } from "node:fs";

/** @implements {import("vitest/node").Reporter} */
export default class TestReport {
  onTestRunEnd(modules, errors) {
    const report = { passed: 0, failed: 0, broken: [], skipped: [], files: [] };
    for (const module of modules) {
      for (const test of module.children.allTests()) count(report, module, test);
      // A hook or a file that fails has no test of its own: its tests are only left out.
      const broken = [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0);
      for (const part of broken) report.broken.push(`${nameOf(module)} ${part.fullName ?? ""}`.trim());
      report.files.push({ name: nameOf(module), seconds: secondsOf(module.diagnostic()) });
    }
    for (const error of errors) report.broken.push(`outside of any test: ${error.message}`);
    writeFileSync(process.env["SLIPWAY_TEST_REPORT"], JSON.stringify(report));
  }
}

function count(report, module, test) {
  const result = test.result();
  if (result.state === "passed") report.passed += 1;
  else if (result.state === "failed") report.failed += 1;
  else report.skipped.push({ name: `${nameOf(module)}: ${test.fullName}`, why: result.note });
}

function nameOf(module) {
  return `${module.project.name} ${module.relativeModuleId}`;
}

function secondsOf({ environmentSetupDuration, collectDuration, setupDuration, duration }) {
  return (environmentSetupDuration + collectDuration + setupDuration + duration) / 1000;
}
