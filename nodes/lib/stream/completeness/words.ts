/** Words of a completeness report, in English; nodes give their own language's. */
export const completenessWords = {
  rows: "rows",
  period: "__from__ to __to__",
  unreadable: "unreadable rows",
  withoutTime: "rows without time",
  missing: "missing: __column__",
  share: "__percent__ % of the rows",
  gaps: "gaps",
  everySeconds: "every __seconds__ s expected; __missing__ readings missing, __percent__ % of those expected",
  longest: "longest: __duration__ from __from__",
  duplicates: "duplicates",
  outOfOrder: "out of order",
  furthest: "by up to __duration__",
  tooClose: "too close together",
  holes: "missing offsets: __topic__, partition __partition__",
  repeated: "repeated offsets: __topic__, partition __partition__",
  offsets: "offsets __first__ to __last__",
  undecided: "too late to decide",
  undecidedWhy: "they may be duplicates, or fill gaps that are counted here",
  notFollowed: "of keys that are not followed",
  received: "readings that came",
  none: "no rows",
} as const;

export type CompletenessWord = keyof typeof completenessWords;

/** A word in some language, its `__name__` parts replaced. */
export type Wording = (key: CompletenessWord, values?: Readonly<Record<string, string | number>>) => string;

export const englishWords: Wording = (key, values = {}) =>
  Object.entries(values).reduce(
    (text, [name, value]) => text.replace(`__${name}__`, String(value)),
    completenessWords[key] as string,
  );
