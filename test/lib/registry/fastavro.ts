/** fastavro reads and writes single values of a schema: it knows nothing of the pack. */
import { spawnSync } from "node:child_process";
import { readers } from "../../../tools/services";

const script = `
import io, json, sys
from fastavro import parse_schema, schemaless_reader, schemaless_writer
given = json.load(sys.stdin)
schema = parse_schema(given["schema"])
answer = []
for value in given["values"]:
    if given["way"] == "write":
        out = io.BytesIO()
        schemaless_writer(out, schema, value)
        answer.append(out.getvalue().hex())
    else:
        source = io.BytesIO(bytes.fromhex(value))
        answer.append(schemaless_reader(source, schema))
        assert source.read() == b"", "bytes are left over"
json.dump(answer, sys.stdout, default=lambda one: one.hex() if isinstance(one, bytes) else str(one))
`;

const run = async (way: "read" | "write", schema: unknown, values: readonly unknown[]): Promise<unknown[]> => {
  const { stdout, stderr, status } = spawnSync(await readers(), ["-c", script], {
    input: JSON.stringify({ way, schema, values }),
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as unknown[];
};

export const writtenByFastavro = async (schema: unknown, values: readonly unknown[]): Promise<Buffer[]> =>
  (await run("write", schema, values)).map((hex) => Buffer.from(String(hex), "hex"));

/** Values as JSON; what JSON has not as text. */
export const readByFastavro = (schema: unknown, values: readonly Buffer[]): Promise<unknown[]> =>
  run(
    "read",
    schema,
    values.map((bytes) => bytes.toString("hex")),
  );
