import { normal } from "./pins.ts";
import type { EnvironmentContent } from "./pins.ts";

/** With protobuf from 6.31 and Python from 3.10. */
const NEW = {
  skl2onnx: "1.20.0",
  onnxmltools: "1.16.0",
  "onnxconverter-common": "1.16.0",
  onnx: "1.23.2",
  "ml-dtypes": "0.6.0",
  protobuf: "6.33.1",
  "typing-extensions": "4.13.2",
};
/** With older ones of protobuf: onnx 1.17 up to Python 3.12, 1.19 from there. */
const OLD = { ...NEW, onnx: "1.17.0", "ml-dtypes": "0.5.4", protobuf: "5.29.5" };
const BETWEEN = { ...OLD, onnx: "1.19.1" };
/** The last ones for Python 3.8. */
const OLDEST = {
  ...OLD,
  skl2onnx: "1.17.0",
  onnxmltools: "1.12.0",
  "onnxconverter-common": "1.14.0",
  "ml-dtypes": "0.2.0",
};
const BOOSTERS = ["xgboost", "xgboost-cpu", "lightgbm"];
const FOR_BOOSTERS = new Set(["onnxmltools", "onnxconverter-common"]);
const NEW_PROTOBUF = [6, 31] as const;

/**
 * Lines of the packages that convert models to ONNX and that an environment lacks, in versions that go with its Python
 * and its protobuf. What it has is used in its own version: its packages come first.
 */
export function missingConverters({ python, packages }: EnvironmentContent): string[] {
  const has = new Map(Object.entries(packages).map(([name, version]) => [normal(name), version]));
  const hasBooster = BOOSTERS.some((name) => has.has(name));
  return Object.entries(pinsFor(Number(python.split(".")[1]), has.get("protobuf")))
    .filter(([name]) => !has.has(name) && (hasBooster || !FOR_BOOSTERS.has(name)))
    .map(([name, version]) => `${name}==${version}`);
}

function pinsFor(minor: number, protobuf = NEW.protobuf): Record<string, string> {
  if (minor <= 8) return OLDEST;
  const [major = 0, next = 0] = protobuf.split(".").map(Number);
  const isNew = major > NEW_PROTOBUF[0] || (major === NEW_PROTOBUF[0] && next >= NEW_PROTOBUF[1]);
  if (isNew && minor >= 10) return NEW;
  return minor >= 13 ? BETWEEN : OLD;
}
