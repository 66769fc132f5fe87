/** A small seeded generator (mulberry32): a failure can be repeated by its seed. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export type Random = () => number;

export function pick<Item>(random: Random, items: readonly Item[]): Item {
  return items[Math.floor(random() * items.length)] as Item;
}

const deep = (levels: number): unknown => {
  let value: unknown = 1;
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
};

/** Values that no field expects, or at the edge of what it does. */
export const HOSTILE: readonly unknown[] = [
  null,
  true,
  "",
  " ",
  0,
  -1,
  1.5,
  1e308,
  -1e308,
  5e-324,
  2 ** 53,
  -(2 ** 63),
  2 ** 64,
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "999999999999999999999999",
  "1e999",
  "NaN",
  "-Infinity",
  "0x10",
  "٣",
  "a\0b",
  "\ud800",
  "\u202Eabc",
  "é".normalize("NFD"),
  "x".repeat(300),
  "x".repeat(9_000),
  "%",
  "%00",
  "%2e%2e%2f",
  "../../../etc/passwd",
  "'; DROP TABLE runs; --",
  '" OR 1=1 --',
  "__proto__",
  "constructor",
  "toString",
  "file:///etc/passwd",
  "http://169.254.169.254/latest/meta-data",
  "mlflow-artifacts:/../x",
  "runs:/../x",
  "models:/a/1/../..",
  [],
  {},
  [[]],
  [null],
  [1, "a", {}],
  ["a", "a"],
  { key: 1 },
  { key: "k", value: { a: 1 } },
  [{ key: null, value: null }],
  [{ key: "k" }, { key: "k" }],
  { __proto__: null, toString: 1, hasOwnProperty: 1 },
  deep(50),
  deep(99),
  Array.from({ length: 1_001 }, (_, index) => ({ key: `k${index}`, value: 1, timestamp: 1 })),
  Array.from({ length: 2_000 }, (_, index) => String(index)),
];

/** Texts that come near to what a search language reads. */
export const FILTERS: readonly string[] = [
  "metrics.a > 'x'",
  "metrics.`a` > 1e999 and params.a = 'b'",
  "params.a LIKE '%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%a'",
  "tags.a = 'a' OR tags.b = 'b'",
  `${"(".repeat(500)}a${")".repeat(500)}`,
  Array.from({ length: 300 }, (_, index) => `metrics.m${index} > ${index}`).join(" and "),
  "attributes.run_id IN ('a', 'b', )",
  "run_id IN ()",
  "name ILIKE '\\'",
  "name = '\ud83d\ude00'",
  "timestamp_ms > 99999999999999999999",
  "span.name RLIKE '(a+)+$'",
  "span.attributes.x.y = 'z' AND trace.status = 1",
  "feedback.a = true",
  "dataset.name = ''",
  "'",
  "`",
  '"unfinished',
  "=",
  "a.b.c.d.e = 'f'",
  "attributes.start_time > -1",
  "tags.`mlflow.source` IS NOT NULL",
  "prompt = 'a/b'",
];

/** Whole bodies that are no message of any call. */
export const BODIES: readonly (string | Buffer)[] = [
  "",
  "null",
  "[]",
  "1",
  '"text"',
  '"{\\"a\\":1}"',
  "{",
  '{"a":1,}',
  '{"run_id":"a","run_id":"b"}',
  "{'a':1}",
  '{"a":NaN}',
  '{"a":1e999}',
  `{"a":${"9".repeat(400)}}`,
  `{"a":${"[".repeat(5_000)}${"]".repeat(5_000)}}`,
  `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
  '{"__proto__":{"run_id":"x"},"constructor":{"prototype":{"x":1}}}',
  Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]),
  Buffer.from('{"a":"\\ud800"}', "utf16le"),
  Buffer.from([0x1f, 0x8b, 0x08, 0x00]),
  "\0\0\0",
  "a=b&c=d",
];

export const CONTENT_TYPES: readonly string[] = [
  "application/json",
  "application/json; charset=utf-16",
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "application/x-protobuf",
  "x",
  ";",
];

export const ENCODINGS: readonly string[] = ["gzip", "br", "deflate", "identity", "zstd", "gzip, gzip"];

export const QUERIES: readonly string[] = [
  "?",
  "?a[b]=c&a[b]=d",
  "?max_results=-1&max_results=5",
  "?%ff=%fe",
  "?path=%00",
  "?path=..%2f..%2f",
  "?page_token=%7B%22a%22%3A1%7D",
  `?x=${"y".repeat(6_000)}`,
  "?__proto__=1&constructor=2",
  "?run_id=&experiment_id=&name=",
  "?run_id=a&run_id=b&experiment_ids=1&experiment_ids=x",
];

/** Parts of a path, percent-encoded. */
export const PARTS: readonly string[] = [
  "..",
  "%2e%2e",
  "..%2f..%2fetc",
  "%00",
  "%ff",
  "%E6%97%A5",
  "a%20b",
  "__proto__",
  "9".repeat(30),
  "x".repeat(300),
  "-1",
  "%25",
  "%F0%9F%98%80",
];
