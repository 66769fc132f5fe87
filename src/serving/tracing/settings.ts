/** How traces of predictions are made and where they go. */
export interface TracingSettings {
  /** Whole address that spans are POSTed to. */
  url: string;
  headers: Record<string, string>;
  compresses: boolean;
  /** Of one POST, in milliseconds. */
  timeoutMs: number;
  sampler: SamplerSettings;
  /** Attributes of the resource, `service.name` among them. */
  resource: Record<string, string>;
  batch: { delayMs: number; maxSpans: number; maxQueue: number };
}

export interface SamplerSettings {
  /** A caller's own decision is kept. */
  followsParent: boolean;
  /** Share of the other traces, 0 to 1. */
  ratio: number;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; `warnings` are lines about what it says and can't be taken. */
export interface ReadTracing {
  /** undefined: no traces are made. */
  settings: TracingSettings | undefined;
  warnings: string[];
}

/**
 * Reads OpenTelemetry's own variables ("Environment Variable Specification" and "OTLP Exporter Configuration"). Tracing is
 * on where an endpoint of OTLP is named. A value that can't be read is warned of and counts as not set, as that
 * specification asks: a variable meant for many programs mustn't keep this one from starting.
 */
export function readTracing(env: Environment): ReadTracing {
  const reader = new Reader(env);
  const settings = reader.isOn() ? reader.settings() : undefined;
  return { settings, warnings: reader.warnings };
}

const SAMPLERS: Record<string, { followsParent: boolean; ratio: number | "argument" }> = {
  always_on: { followsParent: false, ratio: 1 },
  always_off: { followsParent: false, ratio: 0 },
  traceidratio: { followsParent: false, ratio: "argument" },
  parentbased_always_on: { followsParent: true, ratio: 1 },
  parentbased_always_off: { followsParent: true, ratio: 0 },
  parentbased_traceidratio: { followsParent: true, ratio: "argument" },
};
const DEFAULT_SAMPLER = { followsParent: true, ratio: 1 };
const MOST_MS = 10 * 60_000;
const MOST_SPANS = 65_536;

class Reader {
  readonly warnings: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  isOn(): boolean {
    if (this.#text("OTEL_SDK_DISABLED")?.toLowerCase() === "true") return false;
    const exporters = (this.#text("OTEL_TRACES_EXPORTER") ?? "otlp").split(",").map((name) => name.trim());
    if (!exporters.includes("otlp")) {
      if (exporters.join() !== "none") this.#warn("OTEL_TRACES_EXPORTER", "otlp or none");
      return false;
    }
    if (this.#endpoint() === undefined) return false;
    const protocol = this.#traces("PROTOCOL") ?? "http/protobuf";
    if (protocol === "http/protobuf") return true;
    this.warnings.push(
      `traces are off: OTEL_EXPORTER_OTLP_PROTOCOL is ${JSON.stringify(protocol)}, and only http/protobuf is spoken (collectors take it on port 4318)`,
    );
    return false;
  }

  settings(): TracingSettings | undefined {
    const url = this.#endpoint();
    if (url === undefined) return undefined;
    const maxQueue = this.#number("OTEL_BSP_MAX_QUEUE_SIZE", 2_048, MOST_SPANS);
    return {
      url,
      headers: this.#pairs(this.#variable("HEADERS")),
      compresses: this.#compresses(),
      timeoutMs: this.#number(this.#variable("TIMEOUT"), 10_000, MOST_MS),
      sampler: this.#sampler(),
      resource: {
        "service.name": "slipway",
        ...this.#pairs("OTEL_RESOURCE_ATTRIBUTES"),
        ...(this.#text("OTEL_SERVICE_NAME") && { "service.name": this.#text("OTEL_SERVICE_NAME") ?? "" }),
      },
      batch: {
        delayMs: this.#number("OTEL_BSP_SCHEDULE_DELAY", 5_000, MOST_MS),
        maxSpans: Math.min(maxQueue, this.#number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, MOST_SPANS)),
        maxQueue,
      },
    };
  }

  /** The address for traces as it is, or the general one with their path behind it. */
  #endpoint(): string | undefined {
    const own = this.#text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    const general = this.#text("OTEL_EXPORTER_OTLP_ENDPOINT");
    const text = own ?? (general === undefined ? undefined : `${general.replace(/\/$/, "")}/v1/traces`);
    if (text === undefined) return undefined;
    if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
    this.#warn(
      own === undefined ? "OTEL_EXPORTER_OTLP_ENDPOINT" : "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
      "an address such as http://127.0.0.1:4318",
    );
    return undefined;
  }

  #compresses(): boolean {
    const given = this.#traces("COMPRESSION") ?? "none";
    if (given !== "gzip" && given !== "none") this.#warn(this.#variable("COMPRESSION"), "gzip or none");
    return given === "gzip";
  }

  #sampler(): SamplerSettings {
    const name = this.#text("OTEL_TRACES_SAMPLER");
    if (name === undefined) return DEFAULT_SAMPLER;
    const found = Object.hasOwn(SAMPLERS, name) ? SAMPLERS[name] : undefined;
    if (found === undefined) {
      this.#warn("OTEL_TRACES_SAMPLER", Object.keys(SAMPLERS).join(", "));
      return DEFAULT_SAMPLER;
    }
    const { followsParent, ratio } = found;
    return { followsParent, ratio: ratio === "argument" ? this.#ratio() : ratio };
  }

  #ratio(): number {
    const text = this.#text("OTEL_TRACES_SAMPLER_ARG");
    if (text === undefined) return 1;
    const ratio = Number(text);
    if (ratio >= 0 && ratio <= 1) return ratio;
    this.#warn("OTEL_TRACES_SAMPLER_ARG", "0 to 1");
    return 1;
  }

  /** `name=value,name=value`, values percent-encoded (W3C Baggage). */
  #pairs(variable: string): Record<string, string> {
    const pairs: Record<string, string> = {};
    for (const pair of (this.#text(variable) ?? "").split(",")) {
      if (pair.trim() === "") continue;
      const at = pair.indexOf("=");
      const name = pair.slice(0, Math.max(0, at)).trim();
      const value = at < 0 ? undefined : decoded(pair.slice(at + 1).trim());
      if (name === "" || value === undefined)
        this.#warn(variable, "name=value,name=value", "one of its parts");
      else pairs[name] = value;
    }
    return pairs;
  }

  #number(variable: string, fallback: number, most: number): number {
    const text = this.#text(variable);
    if (text === undefined) return fallback;
    if (/^\d{1,9}$/.test(text) && Number(text) > 0 && Number(text) <= most) return Number(text);
    this.#warn(variable, `1 to ${most}`);
    return fallback;
  }

  #traces(what: string): string | undefined {
    return this.#text(this.#variable(what));
  }

  /** The variable for traces where it is set, else the general one. */
  #variable(what: string): string {
    const own = `OTEL_EXPORTER_OTLP_TRACES_${what}`;
    return this.#text(own) === undefined ? `OTEL_EXPORTER_OTLP_${what}` : own;
  }

  /** An empty value counts as not set. */
  #text(variable: string): string | undefined {
    const text = this.#env[variable]?.trim();
    return text === "" ? undefined : text;
  }

  /** Without the value: it may be a secret. */
  #warn(variable: string, allowed: string, what = "it"): void {
    const line = `${variable}: ${what} can't be read and counts as not set; ${allowed} is needed`;
    if (!this.warnings.includes(line)) this.warnings.push(line);
  }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
