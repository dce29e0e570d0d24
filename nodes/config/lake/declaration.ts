import { declareNode } from "../../lib/declare";
import { choice, number, secret, text, tls } from "../../lib/fields";

const withUser = { field: "login", is: ["simple"] };
const withKerberos = { field: "login", is: ["kerberos"] };

export const declaration = declareNode({
  type: "citystream-lake",
  group: "config",
  label: "lake",
  labelFrom: "address",
  testable: true,
  fields: {
    address: text({
      label: "Address",
      default: "file://./lake",
      required: true,
      placeholder: "file:///data/lake, s3://bucket/lake, http://namenode:9870/lake",
      hint: "A folder of this machine, a bucket (s3://bucket/lake), or the web address of a name node or HttpFS with the lake's path. Two name nodes: http://nn1:9870,nn2:9870/lake.",
    }),
    login: choice({
      label: "HDFS login",
      default: "simple",
      options: { simple: "user or delegation token", kerberos: "Kerberos" },
      hint: "Kerberos needs npm install kerberos@7 in Node-RED's user directory. Not used for folders and buckets.",
    }),
    user: text({
      label: "HDFS user",
      showIf: withUser,
      placeholder: "hdfs",
      hint: "user.name of simple authentication. Empty: the server's default user. Not used for folders.",
    }),
    token: secret({
      label: "Delegation token",
      showIf: withUser,
      hint: "Of a name node that demands Kerberos: what hdfs fetchdt or GETDELEGATIONTOKEN gave. It takes the user's place and ends when the cluster says, mostly after a week.",
    }),
    principal: text({
      label: "Principal",
      placeholder: "citystream@EXAMPLE.ORG",
      showIf: withKerberos,
      hint: "Empty: whom the tickets belong to.",
    }),
    keytab: text({
      label: "Keytab",
      placeholder: "/etc/security/keytabs/citystream.keytab",
      showIf: withKerberos,
      hint: "File with the principal's key, from which tickets are taken and renewed. Empty: tickets that kinit takes.",
    }),
    ticketCache: text({
      label: "Ticket cache",
      placeholder: "/tmp/krb5cc_1000",
      showIf: withKerberos,
      hint: "Empty: where the system keeps the tickets of the user that runs Node-RED.",
    }),
    endpoint: text({
      label: "S3 server",
      placeholder: "http://minio:9000",
      section: "s3",
      hint: "Of a store that speaks S3 and knows conditional writes (If-None-Match). Empty: Amazon S3.",
    }),
    region: text({ label: "Region", placeholder: "us-east-1", section: "s3" }),
    accessKey: secret({
      label: "Access key",
      visible: true,
      section: "s3",
      hint: "Empty: the keys of Node-RED's environment, or of the profile or role that it runs as (see help).",
    }),
    secretKey: secret({ label: "Secret key", section: "s3" }),
    sessionToken: secret({ label: "Session token", section: "s3" }),
    tls: tls({ label: "TLS settings", hint: "CA and client certificate for https addresses." }),
    timeout: number({
      label: "Time-out (s)",
      default: 60,
      min: 1,
      hint: "How long a server may be silent before a request is tried again.",
    }),
  },
  sections: { s3: "S3" },
  words: {
    folder: "wrote, read back and removed a file below __address__ in __took__ ms",
    hdfs: "wrote, read back and removed a file below __address__ in __took__ ms: replication __replication__, block size __blockSize__ MB",
  },
});
