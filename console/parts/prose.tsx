import { partsOf } from "../view/prose.ts";

/** A sentence of the platform, with its commands as code. */
export function Prose({ text }: { text: string }) {
  return partsOf(text).map((part, index) =>
    part.isCode ? <code key={index}>{part.text}</code> : <span key={index}>{part.text}</span>,
  );
}
