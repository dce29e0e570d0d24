import { declareNode } from "../../lib/declare";
import { choice, flag, names, secret, text, tls } from "../../lib/fields";

const withPassword = { field: "sasl", is: ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] };
const withToken = { field: "sasl", is: ["OAUTHBEARER"] };

export const declaration = declareNode({
  type: "citystream-kafka-cluster",
  group: "config",
  label: "kafka cluster",
  labelFrom: "brokers",
  testable: true,
  fields: {
    brokers: names({
      label: "Brokers",
      default: "127.0.0.1:9092",
      required: true,
      placeholder: "kafka1.example.org:9092, kafka2.example.org:9092",
      hint: "host:port of one or more brokers; the others are found through them.",
    }),
    clientId: text({
      label: "Client id",
      default: "citystream",
      required: true,
      hint: "Names this Node-RED in the brokers' logs and quotas.",
    }),
    encrypted: flag({ label: "Use TLS", default: false }),
    tls: tls({
      label: "TLS settings",
      showIf: { field: "encrypted", is: [true] },
      hint: "CA and client certificate. None: the certificate authorities that Node.js knows.",
    }),
    sasl: choice({
      label: "Login",
      default: "none",
      options: {
        none: "none",
        PLAIN: "SASL PLAIN",
        "SCRAM-SHA-256": "SASL SCRAM-SHA-256",
        "SCRAM-SHA-512": "SASL SCRAM-SHA-512",
        OAUTHBEARER: "SASL OAUTHBEARER",
      },
    }),
    username: secret({ label: "User", visible: true, showIf: withPassword }),
    password: secret({ label: "Password", showIf: withPassword }),
    tokenUrl: text({
      label: "Token address",
      showIf: withToken,
      placeholder: "https://login.example.org/oauth2/token",
      hint: "Where tokens are asked for (OAuth 2 client credentials). Empty: the token below is used.",
    }),
    scope: text({ label: "Scope", showIf: withToken }),
    oauthClient: secret({ label: "OAuth client id", visible: true, showIf: withToken }),
    oauthSecret: secret({ label: "Client secret", showIf: withToken }),
    token: secret({ label: "Token", showIf: withToken }),
    client: choice({
      label: "Client",
      default: "kafkajs",
      options: { kafkajs: "kafkajs", platformatic: "@platformatic/kafka" },
      hint: "The library that talks to Kafka. kafkajs comes with the pack. @platformatic/kafka: needs Node.js 22.22 or newer, and npm install @platformatic/kafka@2 in Node-RED's user directory.",
    }),
  },
  words: {
    found: "__brokers__ broker(s), controller __controller__, Kafka __version__, __topics__ topic(s)",
    "found-without-controller": "__brokers__ broker(s), no controller known, Kafka __version__, __topics__ topic(s)",
  },
});
