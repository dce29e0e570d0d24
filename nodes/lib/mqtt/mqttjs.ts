import type * as Mqttjs from "mqtt";
import { lazily } from "../lazily";

/** MQTT.js. */
export const mqttjs = lazily(() => (require("mqtt") as typeof Mqttjs).default);
