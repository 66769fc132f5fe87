const ADJECTIVES = (
  "able amber brave bright calm clever cool crisp eager fair fast fine fresh gentle glad golden grand happy " +
  "keen kind lively lucky mellow merry neat noble proud quick quiet rapid silver smart steady sunny swift warm"
).split(" ");
const NOUNS = (
  "ant bear bee boat bird brook cat cloud colt crane crow deer dove duck eagle elk finch fish fox frog gull hare " +
  "hawk heron horse koi lark lynx mole moose moth newt otter owl panda perch quail raven seal shark shrew skunk " +
  "sloth snail squid stag stork swan tern toad trout vole wasp whale wolf wren yak"
).split(" ");

/** A name that people can say, such as `brave-otter-417`, for a tracking run that was given none. */
export function runNameFrom(hex: string): string {
  const at = (start: number): number => Number.parseInt(hex.slice(start, start + 4), 16);
  return `${ADJECTIVES[at(0) % ADJECTIVES.length]}-${NOUNS[at(4) % NOUNS.length]}-${at(8) % 1000}`;
}
