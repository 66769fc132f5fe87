/** Between a number and its unit, so that no line ends there. */
const NARROW = "\u202f";

/** 2890 as "2,890", the same in every locale as in our sentences and commits. */
export function count(value: number): string {
  const rounded = Math.round(value * 10) / 10;
  const [whole = "0", part] = Math.abs(rounded).toString().split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return `${rounded < 0 ? "-" : ""}${grouped}${part === undefined ? "" : `.${part}`}`;
}

/** 0.0123 as "1.23 %": two digits that mean something, never more than two after the point. */
export function percent(fraction: number): string {
  const value = fraction * 100;
  if (value !== 0 && Math.abs(value) < 0.01) return `<${NARROW}0.01${NARROW}%`;
  const digits = Math.abs(value) >= 10 ? 1 : 2;
  return `${Number(value.toFixed(digits))}${NARROW}%`;
}

/** A share that is already in per cent. */
export function share(perCent: number): string {
  return `${Number(perCent.toFixed(perCent < 1 ? 2 : 1))}${NARROW}%`;
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)}${NARROW}s`;
  return `${value >= 100 ? Math.round(value) : Number(value.toPrecision(3))}${NARROW}ms`;
}

/** Two units at most: "4.1 s", "12 min", "2 h 5 min", "3 d 4 h". */
export function duration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10) return `${Number(seconds.toFixed(1))}${NARROW}s`;
  if (seconds < 60) return `${Math.floor(seconds)}${NARROW}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}${NARROW}min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return two(hours, "h", minutes % 60, "min");
  return two(Math.floor(hours / 24), "d", hours % 24, "h");
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  const first = `${large}${NARROW}${largeUnit}`;
  return small === 0 ? first : `${first} ${small}${NARROW}${smallUnit}`;
}

/** "just now", "12 s ago". Clocks differ, so the future is now. */
export function ago(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1000);
  return seconds < 1 ? "just now" : `${duration(seconds * 1000)} ago`;
}

/** The reader's own time: "14:03:12" today, "2026-11-02 14:03" on another day. */
export function clockTime(at: number, now: number): string {
  const date = new Date(at);
  const pad = (value: number) => String(value).padStart(2, "0");
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  if (date.toDateString() === new Date(now).toDateString()) return `${time}:${pad(date.getSeconds())}`;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${time}`;
}

const SUPERSCRIPT = [..."⁰¹²³⁴⁵⁶⁷⁸⁹"];

/** Evidence (an e-value): "0.3", "12", "1,234", "2.5×10⁷". */
export function wealth(value: number): string {
  if (!Number.isFinite(value)) return "∞";
  if (value !== 0 && value < 0.01) return `<${NARROW}0.01`;
  if (value < 10) return String(Number(value.toFixed(value < 1 ? 2 : 1)));
  if (value < 1_000_000) return count(Math.round(value));
  const exponent = Math.floor(Math.log10(value));
  const digits = [...String(exponent)].map((digit) => SUPERSCRIPT[Number(digit)]).join("");
  return `${(value / 10 ** exponent).toFixed(1)}×10${digits}`;
}

/** First letter large, as a sentence begins. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
