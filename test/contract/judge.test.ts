import { createEProcessJudge } from "../../src/rollout/statistics/e-process-judge.ts";
import { judgeContract } from "./judge.ts";

judgeContract("two-arm e-process", createEProcessJudge);
