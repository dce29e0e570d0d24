import type { Mutable } from "./mutable";

/**
 * An empty object, to be filled with properties one by one, for what is made of each record and lives for milliseconds.
 *
 * V8 counts how many objects of a literal with properties outlive its scavenges. Where nearly all have, as in a burst of records
 * that wait for Kafka, it makes those of that literal in its old space for as long as the process runs (allocation-site
 * pretenuring): there they are garbage at once, and keep all that they hold, until a whole collection. It counts neither `{}` nor
 * what constructors make (docs/decisions/short-lived-objects.md). Costs 0.01 µs more than the literal.
 */
export const shortLived = <T extends object>(): Mutable<T> => ({}) as Mutable<T>;
