import { brokenJobs } from "./broken.ts";
import type { Job } from "./job.ts";
import { peerJobs } from "./peers.ts";
import { promotionJobs } from "./promotion.ts";
import { speedJobs } from "./speed.ts";
import { validityJobs } from "./validity.ts";
import { workersJobs } from "./workers.ts";

export const JOBS: Job[] = [
  ...validityJobs,
  ...brokenJobs,
  ...workersJobs,
  ...speedJobs,
  ...promotionJobs,
  ...peerJobs,
];
