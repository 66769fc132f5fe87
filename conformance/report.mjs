// Results as lines of text.

const MARK = { pass: "pass", fail: "FAIL", "not offered": "  - " };
let area = "";

export function printResult({ area: own, name, clause, result, why }) {
  if (own !== area) console.log(`\n${own}`);
  area = own;
  console.log(`  ${MARK[result]}  ${name}${why === undefined ? "" : `: ${why}`}  (${clause})`);
}

export function count(results, result) {
  return results.filter((one) => one.result === result).length;
}

export function printSummary(results) {
  const [passed, failed, others] = ["pass", "fail", "not offered"].map((result) => count(results, result));
  console.log(`\n${passed} passed, ${failed} failed, ${others} not offered`);
}
