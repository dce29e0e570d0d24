import type * as Avsc from "avsc";
import { lazily } from "../lazily";

/** Apache Avro in JavaScript. */
export const avsc = lazily(() => require("avsc") as typeof Avsc);
