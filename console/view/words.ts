/** What each word of the page means, for somebody who never heard it. */
export const WORDS = {
  champion: "The version that holds: it answers all requests that the version on trial doesn't get.",
  challenger:
    "The version on trial. It gets a small share of the requests until it has shown that it is as good.",
  evidence:
    "Starts at 1 and multiplies with every answer: up when answers look as they would if it were true, down when not. It may be looked at any time without being misled more often than declared. Answers under way count against what is to be shown until they end; the lines follow the upper edge of that.",
  harm: "How strongly the answers speak for the version on trial being worse than its margins allow, all metrics together. At the threshold it is taken out by itself.",
  safety:
    "How strongly the answers speak against it being worse by its margin. Every metric must reach the threshold before it is promoted by itself.",
  threshold:
    "One divided by the declared error rate: at 100 at most 1 in 100 harmless versions is ever taken out by mistake.",
  margin: "How much worse the version on trial may be and still count as good. The project's file says it.",
  interval:
    "Where the true rate lies, 95 times out of 100, by what was counted so far. It is shown for people; the verdict doesn't use it.",
  slow: "Slower than what the champion's requests stay below, with the margin added for the version on trial.",
  labels: "True answers that came later and were compared with what was predicted.",
  p95: "95 of 100 requests were faster than this.",
  shadow:
    "Copies of requests go to the version on trial. Its answers are compared and thrown away; no caller sees them.",
  guard:
    "Both versions together are compared with the time before the trial, because one that starves the machine slows the other too. It isn't covered by the declared error rates.",
  undecided: "Neither shown to be as good nor to be worse. More requests will tell.",
  step: "The share grows in steps; each needs enough evidence that the next one does little harm.",
  badAnswers:
    "Answers of the version on trial that reached a caller and shouldn't have: failed, or wrong by their true label.",
} as const;

export type Word = keyof typeof WORDS;
