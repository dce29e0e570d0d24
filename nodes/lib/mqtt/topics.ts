/** Topic names and topic filters: MQTT 5.0 sections 4.7 and 4.8.2. */
import { ConfigError, Rejected } from "../errors";

/** Longest topic in bytes: a UTF-8 string's length is two bytes on the wire. */
const LONGEST = 65_535;

/**
 * Refuses what no broker accepts as a topic filter.
 * @throws ConfigError that names the filter and its fault.
 */
export function checkFilter(filter: string): void {
  const refuse = (fault: string): never => {
    throw new ConfigError(`Topics: "${filter}" ${fault}`);
  };
  if (filter === "") refuse("is empty");
  if (filter.includes("\0")) refuse("contains a NUL character");
  if (Buffer.byteLength(filter) > LONGEST) refuse(`is longer than ${LONGEST} bytes`);
  if (filter.startsWith("$share/") && !/^\$share\/[^/+#]+\/./u.test(filter))
    refuse("is no shared subscription: write $share/<group>/<topic filter>");
  const levels = unshared(filter).split("/");
  for (const [index, level] of levels.entries()) {
    if (level.includes("#") && (level !== "#" || index !== levels.length - 1))
      refuse("has # where it may not stand: only alone, as the last level");
    if (level.includes("+") && level !== "+") refuse("has + beside other characters: it stands for a whole level");
  }
}

/**
 * Refuses what no broker accepts as the topic of a message.
 * @throws Rejected, since the record will never be published under this topic.
 */
export function checkTopic(topic: unknown): asserts topic is string {
  if (typeof topic !== "string" || topic === "")
    throw new Rejected("no topic: set Topic in mqtt out, or msg.topic, to the MQTT topic to publish under");
  if (/[+#\0]/u.test(topic))
    throw new Rejected(`topic "${topic.slice(0, 200)}" has one of + # NUL, which a published topic may not contain`);
  if (Buffer.byteLength(topic) > LONGEST) throw new Rejected(`topic is longer than ${LONGEST} bytes`);
}

/** The filter without its `$share/<group>/`: what topics are compared with. */
const unshared = (filter: string): string => filter.replace(/^\$share\/[^/]*\//u, "");

/** Tells whether a topic is what any of the filters asks for. */
export function topicMatcher(filters: readonly string[]): (topic: string) => boolean {
  const wanted = filters.map((filter) => unshared(filter).split("/"));
  return (topic) => {
    const levels = topic.split("/");
    return wanted.some((filter) => matches(filter, levels));
  };
}

function matches(filter: readonly string[], topic: readonly string[]): boolean {
  // 4.7.2: a wildcard in the first level leaves out $SYS and the like
  if (topic[0]?.startsWith("$") && (filter[0] === "+" || filter[0] === "#")) return false;
  for (const [index, level] of filter.entries()) {
    if (level === "#") return true;
    if (index >= topic.length || (level !== "+" && level !== topic[index])) return false;
  }
  return filter.length === topic.length;
}
