import { declareNode } from "../../lib/declare";
import { number, text, tls } from "../../lib/fields";

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
      placeholder: "file:///data/lake, http://namenode:9870/lake",
      hint: "A folder of this machine, or the web address of a name node or HttpFS with the lake's path. Two name nodes: http://nn1:9870,nn2:9870/lake.",
    }),
    user: text({
      label: "HDFS user",
      placeholder: "hdfs",
      hint: "user.name of simple authentication. Empty: the server's default user. Not used for folders.",
    }),
    tls: tls({ label: "TLS settings", hint: "CA and client certificate for https addresses." }),
    timeout: number({
      label: "Time-out (s)",
      default: 60,
      min: 1,
      hint: "How long a server may be silent before a request is tried again.",
    }),
  },
  words: {
    folder: "wrote, read back and removed a file below __address__ in __took__ ms",
    hdfs: "wrote, read back and removed a file below __address__ in __took__ ms: replication __replication__, block size __blockSize__ MB",
  },
});
