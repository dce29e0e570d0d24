/** Reasons in words of the runtime's language. */
import type { Reason, RuleName } from "../../lib/stream/fraud/contract";

const WORDS: Readonly<Record<RuleName, string>> = {
  "deny list": "deny",
  "allow list": "allow",
  "velocity count": "velocityCount",
  "velocity sum": "velocitySum",
  "impossible travel": "travel",
  "unusual amount": "amount",
  "new country": "country",
  "new category": "category",
  "card testing": "testing",
  night: "night",
  "unknown currency": "currency",
};

/** @param word one of the declaration's `words`, its values filled in */
export const sentenceOf = (
  { rule, evidence }: Reason,
  word: (key: string, values: Readonly<Record<string, string | number>>) => string,
): string => word(rule === "impossible travel" && !("speed" in evidence) ? "travelAtOnce" : WORDS[rule], evidence);
