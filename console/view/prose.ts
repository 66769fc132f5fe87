/** A sentence of the platform in parts: what stands between backticks is typed as it is. */
export function partsOf(text: string): { text: string; isCode: boolean }[] {
  const pieces = text.split("`");
  // A backtick without its other half is only a character.
  if (pieces.length % 2 === 0) return [{ text, isCode: false }];
  return pieces
    .map((piece, index) => ({ text: piece, isCode: index % 2 === 1 }))
    .filter((part) => part.text !== "");
}
