import type { Amount, GcJob } from "../gc/job.ts";
import { byteWords, oneLine } from "./terminal.ts";

/** Things that stay, of which as many are named. */
const NAMED = 5;

const KINDS: readonly (readonly [keyof Amount, one: string, many: string])[] = [
  ["experiments", "experiment", "experiments"],
  ["runs", "tracking run", "tracking runs"],
  ["loggedModels", "logged model", "logged models"],
  ["traces", "trace", "traces"],
];

/** "2 tracking runs, 1 logged model: 340 rows, 12 files, 1.5 MiB", or "nothing". */
export function amountWords(amount: Amount): string {
  const things = KINDS.flatMap(([key, one, many]) =>
    amount[key] === 0 ? [] : [`${amount[key]} ${amount[key] === 1 ? one : many}`],
  );
  if (things.length === 0 && amount.rows + amount.files === 0) return "nothing";
  const freed = `${amount.rows} rows, ${amount.files} files, ${byteWords(amount.bytes)}`;
  return things.length === 0 ? freed : `${things.join(", ")}: ${freed}`;
}

/** What deleting would free, and what stays. */
export function foundLines({ found, kept, leftBehind }: GcJob): string[] {
  return [
    `found ${amountWords(found)}`,
    ...(leftBehind > 0 ? [`and files of ${leftBehind} that an earlier slipway gc couldn't delete`] : []),
    ...restLines(found, kept),
  ];
}

/** What was deleted, and what is left to know. */
export function deletedLines({ deleted, kept, leftBehind, reusableBytes }: GcJob): string[] {
  return [
    `deleted ${amountWords(deleted)}`,
    ...restLines(deleted, kept),
    ...(leftBehind > 0
      ? [`the files of ${leftBehind} couldn't be deleted now; the next slipway gc tries them again`]
      : []),
    ...(reusableBytes === null
      ? []
      : [`the database's file keeps its size: ${byteWords(reusableBytes)} in it are free for new rows`]),
  ];
}

function restLines({ elsewhere }: Amount, kept: GcJob["kept"]): string[] {
  const named = kept.examples.slice(0, NAMED);
  return [
    ...(kept.count > 0 ? [`kept ${kept.count} that something needs:`] : []),
    ...named.map(({ kind, id, why }) => oneLine(`  ${kind}/${id}: ${why}`)),
    ...(kept.count > named.length
      ? [`  and ${kept.count - named.length} more (--json names up to 100)`]
      : []),
    ...(elsewhere > 0 ? [`files of ${elsewhere} lie where only clients have access, and stay there`] : []),
  ];
}
