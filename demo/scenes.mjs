// The six scenes. What counts is what the load generator saw; the platform is asked only for when to go on, and
// for the evidence that it wrote down.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endedRollout, until } from "./api.mjs";
import { environmentLog, Project } from "./project.mjs";
import { duration, heading, say } from "./terminal.mjs";

export const MODEL = "digits";
/** Requests per second: before the first version answers, and then. */
const KNOCK = 20;
export const RATE = 400;
const SCENE_WITHIN_MS = 60_000;
/** So long no request may reach a version that was taken out, at RATE. */
const SILENCE_MS = 1_500;

const count = (number) => number.toLocaleString("en-US");
const percent = (part, whole) => `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
const unseen = { requests: 0, failed: 0, wrong: 0, right: 0, firstBadAt: null, lastEndedAt: null, p50: null };

/** { platform, load, findings, folder } is the stage on which all scenes play. */
export async function firstVersion(stage) {
  const { platform, load, findings, folder } = stage;
  const scene = "1 · From git push to production";
  heading(scene);
  stage.project = await Project.init({ parent: folder, name: MODEL, gitUrl: platform.gitUrl });
  say(`slipway init ${MODEL} --template digits, git push ${stage.project.gitUrl}`);
  await load.setRate(KNOCK);
  const push = stage.project.push();
  const pushedAt = Date.now();
  const answered = until("the first correct prediction", SCENE_WITHIN_MS, async () => {
    const { all } = await load.tally(pushedAt);
    return all.firstRightAt;
  });
  const [{ lines }, firstRightAt] = await Promise.all([push, answered]);
  stage.servingSince = firstRightAt;
  const rollout = await endedRollout(platform, MODEL, 1, SCENE_WITHIN_MS);
  await load.setRate(RATE);
  await sleep(1_000);
  const { all, byVersion } = await load.tally(firstRightAt);
  const text = lines.join("\n");
  findings.figure(scene, "push → first correct prediction", duration(firstRightAt - pushedAt));
  findings.check(
    scene,
    "the push streamed its steps and metrics",
    ["features", "train", "evaluate", "accuracy"].every((word) => text.includes(word)),
  );
  findings.check(scene, "version 1 is the champion", rollout.state === "promoted", rollout.state);
  const one = byVersion[1] ?? unseen;
  findings.check(
    scene,
    "version 1 answers, rightly on rows it never saw",
    one.right / Math.max(1, one.requests) > 0.85,
    percent(one.right, one.requests),
  );
  findings.figure(
    scene,
    "latency under load, p50 and p99",
    `${duration(all.p50)}, ${duration(all.p99)} at ${RATE} requests/s`,
  );
}

export async function betterVersion(stage) {
  const { platform, load, findings, project } = stage;
  const scene = "2 · A better version, under load";
  heading(scene);
  say("slipway.yaml: hidden: 0 → 64");
  const from = Date.now();
  project.edit("slipway.yaml", "hidden: 0 ", "hidden: 64");
  await project.commit("Add a hidden layer");
  const { startedAt } = await project.push();
  const rollout = await endedRollout(platform, MODEL, 2, SCENE_WITHIN_MS);
  const promotedAt = await silenceOf(load, 1);
  const { all, byVersion } = await load.tally(from);
  const [before, after] = [byVersion[1] ?? unseen, byVersion[2] ?? unseen];
  findings.check(scene, "version 2 was promoted", rollout.state === "promoted", rollout.state);
  findings.check(scene, "failed requests", all.failed === 0, `${all.failed} of ${count(all.requests)}`);
  findings.check(
    scene,
    "right answers on live rows, version 1 → 2",
    after.right / Math.max(1, after.requests) > before.right / Math.max(1, before.requests),
    `${percent(before.right, before.requests)} → ${percent(after.right, after.requests)}`,
  );
  findings.figure(scene, "push → all traffic on version 2", duration(promotedAt - startedAt));
  findings.figure(scene, "first request on version 2 → all", duration(promotedAt - after.firstAt));
}

/** Scenes 3 and 4: a fault that only live traffic shows. `bad` picks what is bad from a tally. */
async function takenOut(stage, { scene, version, fault, message, bad, evidence }) {
  const { platform, load, findings, project } = stage;
  heading(scene);
  say(message);
  const from = Date.now();
  await project.applyFault(fault);
  await project.commit(message);
  await project.push();
  const rollout = await endedRollout(platform, MODEL, version, SCENE_WITHIN_MS);
  await silenceOf(load, version);
  const { all, byVersion } = await load.tally(from);
  const faulty = byVersion[version] ?? unseen;
  findings.check(
    scene,
    `version ${version} got traffic, and was taken out`,
    faulty.requests > 0 && rollout.state === "rolledback",
    rollout.state,
  );
  findings.figure(scene, "first bad answer → zero traffic", duration(faulty.lastEndedAt - faulty.firstBadAt));
  findings.figure(
    scene,
    "bad answers by it",
    `${count(bad(faulty))} of ${count(faulty.requests)}; ${count(all.requests)} requests in all`,
  );
  const commit = await rollbackCommit(stage, version, rollout);
  findings.check(
    scene,
    "the rollback is a commit with its evidence",
    commit !== undefined && evidence.test(commit.subject + commit.body),
    commit === undefined ? "no such commit" : `${commit.commit.slice(0, 10)} ${commit.subject}`,
  );
  await project.revertLast();
  return { all, byVersion, faulty };
}

export async function wrongVersion(stage) {
  const scene = "3 · A fault that no status code shows";
  const { all, faulty, byVersion } = await takenOut(stage, {
    scene,
    version: 3,
    fault: "3-columns-sorted",
    message: "Sort the feature columns",
    bad: ({ wrong }) => wrong,
    evidence: /accuracy|label/i,
  });
  const champion = byVersion[2] ?? unseen;
  stage.findings.check(
    scene,
    "every request was answered with status 200",
    all.failed === 0,
    `${all.failed} failed`,
  );
  stage.findings.check(
    scene,
    "right answers, champion against version 3",
    faulty.right / Math.max(1, faulty.requests) < 0.5,
    `${percent(champion.right, champion.requests)} against ${percent(faulty.right, faulty.requests)}`,
  );
  stage.findings.figure(
    scene,
    "median latency, champion and version 3",
    `${champion.p50?.toFixed(1)} ms, ${faulty.p50?.toFixed(1)} ms`,
  );
}

export async function failingVersion(stage) {
  const scene = "4 · Failing on a share of the inputs";
  const { all, faulty } = await takenOut(stage, {
    scene,
    version: 4,
    fault: "4-zone-out-of-range",
    message: "Calibrate by the zone in which the pen starts",
    bad: ({ failed, wrong }) => failed + wrong,
    evidence: /errors|failed/i,
  });
  stage.findings.check(
    scene,
    "failed requests of everyone else",
    all.failed === faulty.failed && faulty.failed > 0,
    `${all.failed - faulty.failed} of ${count(all.requests - faulty.requests)}`,
  );
}

export async function stoppedBeforeTraffic(stage) {
  const scene = "5 · Never served";
  heading(scene);
  const cases = [
    {
      version: 5,
      fault: "5a-operator-set-too-new",
      message: "Write the newest operator set",
      what: "can't be loaded",
    },
    {
      version: 6,
      fault: "5b-unscaled-export",
      message: "Tidy the export up",
      what: "answers its own example wrongly",
    },
  ];
  for (const { version, fault, message, what } of cases) {
    const { platform, load, findings, project } = stage;
    say(message);
    const from = Date.now();
    await project.applyFault(fault);
    await project.commit(message);
    await project.push();
    const rollout = await endedRollout(platform, MODEL, version, SCENE_WITHIN_MS);
    await sleep(SILENCE_MS);
    const { all, byVersion } = await load.tally(from);
    const got = byVersion[version]?.requests ?? 0;
    findings.check(
      scene,
      `version ${version} ${what}: requests it got`,
      got === 0 && rollout.state === "rolledback",
      `${got} of ${count(all.requests)}, ${all.failed} failed`,
    );
    findings.check(scene, `nobody noticed version ${version}`, all.failed === 0);
    if (rollout.sentence) say(rollout.sentence);
    await project.revertLast();
  }
}

export async function allInAll({ load, findings, servingSince }) {
  const scene = "6 · All in all";
  heading(scene);
  await load.stop();
  const { all, byVersion, labels } = await load.tally(servingSince);
  const meant = byVersion[4]?.failed ?? 0;
  findings.figure(scene, "requests since the first answer", `${count(all.requests)} at ${RATE}/s`);
  findings.check(
    scene,
    "failed requests, those by version 4 apart",
    all.failed === meant,
    `${all.failed - meant}${all.failed === meant ? "" : `; first: ${all.problem}`}`,
  );
  findings.check(
    scene,
    "true labels taken",
    labels.dropped === 0 && labels.sent > 0,
    `${count(labels.sent)}${labels.problem ? `; ${labels.problem}` : ""}`,
  );
}

/** Waits until a version has answered nothing for SILENCE_MS under full traffic; answers the time of its last answer. */
function silenceOf(load, version) {
  return until(`no more traffic on version ${version}`, SCENE_WITHIN_MS, async () => {
    const now = Date.now();
    const recent = await load.tally(now - SILENCE_MS - 1_000, now);
    const isQuiet =
      recent.all.requests > 0 && (recent.byVersion[version]?.lastEndedAt ?? 0) < now - SILENCE_MS;
    if (!isQuiet) return undefined;
    return (await load.tally(0)).byVersion[version]?.lastEndedAt ?? now;
  });
}

/** The commit of the environment repository that took a version out, read from a fresh clone. */
async function rollbackCommit({ platform, folder, findings }, version, rollout) {
  findings.clones = (findings.clones ?? 0) + 1;
  const log = await environmentLog(platform.gitUrl, join(folder, `environment-${findings.clones}`));
  const commit = log.find(
    ({ body, subject }) =>
      body.includes(`Slipway-Rollout: ${rollout.id}`) && /roll(ed)?[ -]?back/i.test(subject + body),
  );
  for (const line of commit === undefined ? [] : [commit.subject, ...commit.body.split("\n")])
    say(`  ${line}`);
  return commit;
}
