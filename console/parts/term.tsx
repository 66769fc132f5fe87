import { useId, type ReactNode } from "react";
import { WORDS, type Word } from "../view/words.ts";

/** A word with its explanation, on hover, on focus and by touch. */
export function Term({ word, children }: { word: Word; children: ReactNode }) {
  return <Tip text={WORDS[word]}>{children}</Tip>;
}

/** Any text with a longer one behind it. */
function Tip({ text, children }: { text: string; children: ReactNode }) {
  const id = useId();
  return (
    <span className="tip">
      <button type="button" className="term" aria-describedby={id}>
        {children}
      </button>
      <span role="tooltip" id={id} className="bubble">
        {text}
      </span>
    </span>
  );
}
