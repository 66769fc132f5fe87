import { runConvertThread } from "../monitoring/prediction-log/convert-thread.ts";

await runConvertThread();
