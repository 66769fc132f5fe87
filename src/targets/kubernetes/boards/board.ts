/** Identifier of the data source that every board reads. */
export const DATA_SOURCE = "prometheus";

/** A board as Grafana reads it from a file. */
export interface BoardFile {
  /** Of the file, of the ConfigMap and in the board's address: a DNS label. */
  name: string;
  folder: "Platform" | "Tenants";
  json: string;
}

export interface Panel {
  title: string;
  description: string;
  /** As Grafana names units: `s`, `bytes`, `percentunit`, `reqps`, `short`. */
  unit: string;
  /** The axis ends there at least; absent: by the data. */
  max?: number;
  queries: readonly Query[];
}

/** One line, or many: what an expression answers. */
export interface Query {
  expr: string;
  /** `{{label}}` is filled in. */
  legend: string;
}

const WIDTH = 12;
const HEIGHT = 8;
/** Of Grafana's boards as files; later ones migrate it. */
const SCHEMA_VERSION = 39;

/** Two panels in a row, in their order; the same bytes for the same panels. */
export function boardFile(
  board: Pick<BoardFile, "name" | "folder"> & { title: string; panels: readonly Panel[] },
): BoardFile {
  const { name, folder, title, panels } = board;
  const json = {
    uid: `slipway-${name}`.slice(0, 40),
    title,
    tags: ["slipway"],
    editable: false,
    schemaVersion: SCHEMA_VERSION,
    refresh: "1m",
    time: { from: "now-6h", to: "now" },
    timezone: "browser",
    panels: panels.map((panel, index) => panelJson(panel, index)),
  };
  return { name, folder, json: `${JSON.stringify(json, null, 1)}\n` };
}

function panelJson({ title, description, unit, max, queries }: Panel, index: number): object {
  const datasource = { type: "prometheus", uid: DATA_SOURCE };
  return {
    id: index + 1,
    type: "timeseries",
    title,
    description,
    datasource,
    gridPos: { x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT, w: WIDTH, h: HEIGHT },
    fieldConfig: {
      defaults: { unit, min: 0, ...(max === undefined ? {} : { max }), custom: { fillOpacity: 8 } },
      overrides: [],
    },
    options: {
      legend: { displayMode: "list", placement: "bottom" },
      tooltip: { mode: "multi", sort: "desc" },
    },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCodePoint(65 + (at % 26)).repeat(1 + Math.floor(at / 26)),
      datasource,
      expr,
      legendFormat: legend,
    })),
  };
}
