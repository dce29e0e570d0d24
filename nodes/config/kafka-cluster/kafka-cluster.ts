import { ConfigError } from "../../lib/errors";
import { shareKafka } from "../../lib/kafka/cluster";
import { openKafka } from "../../lib/kafka/drivers";
import type { ClusterOptions } from "../../lib/kafka/port";
import { defineConfigNode } from "../../lib/node";
import { declaration } from "./declaration";
import { tokenSource } from "./oauth";

export = defineConfigNode(declaration, ({ RED, settings }) => {
  const { brokers, clientId, encrypted, sasl, username, password, client } = settings;
  const login = (): ClusterOptions["sasl"] => {
    if (sasl === "none") return undefined;
    if (sasl === "OAUTHBEARER") return { mechanism: sasl, token: tokenSource(settings) };
    if (username === "" || password === "") throw new ConfigError(`Login: ${sasl} needs a user and a password`);
    return { mechanism: sasl, username, password };
  };
  const kafka = openKafka(
    { brokers, clientId, tls: encrypted ? (settings.tls ?? {}) : undefined, sasl: login() },
    client,
    RED.settings.userDir,
  );
  const { cluster, close } = shareKafka(kafka, brokers.join(", "));
  return {
    handle: cluster,
    async test() {
      const found = await kafka.describe();
      const values = { brokers: found.brokers.length, version: found.version, topics: found.topics.length };
      return found.controller === null
        ? { word: "found-without-controller", values }
        : { word: "found", values: { ...values, controller: found.controller } };
    },
    close,
  };
});
