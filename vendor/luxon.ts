export { DateTime, FixedOffsetZone, IANAZone } from "luxon";
