import { declareNode } from "../../lib/declare";
import { number, secret, text, tls } from "../../lib/fields";

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
    user: text({
      label: "HDFS user",
      placeholder: "hdfs",
      hint: "user.name of simple authentication. Empty: the server's default user. Not used for folders.",
    }),
    token: secret({
      label: "Delegation token",
      hint: "Of a name node that demands Kerberos: what hdfs fetchdt or GETDELEGATIONTOKEN gave. It takes the user's place and ends when the cluster says, mostly after a week.",
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
