/**
 * Static membership (KIP-345), which kafkajs knows only as far as its requests have the field: the member's name is put
 * where kafkajs writes null. A process that starts again under the name of a killed one gets its partitions at once.
 */
import { apiKeys, Encoder, type RawError, type RawProtocol } from "./kafkajs-internals";

/** Where the field is: behind the group, so many bytes of numbers, and the member's id. */
const fields: ReadonlyMap<number, { readonly version: number; readonly numbers: number }> = new Map([
  [apiKeys.joinGroup, { version: 5, numbers: 8 }],
  [apiKeys.heartbeat, { version: 3, numbers: 4 }],
  [apiKeys.syncGroup, { version: 3, numbers: 4 }],
]);

const afterString = (bytes: Buffer, at: number): number => at + 2 + Math.max(0, bytes.readInt16BE(at));

/** The request with `group.instance.id`, when it is one that carries it; brokers before 2.3 get none. */
export const withInstance = (protocol: RawProtocol, instance: string): RawProtocol => {
  const { request } = protocol;
  const field = fields.get(request.apiKey);
  if (field?.version !== request.apiVersion) return protocol;
  return {
    ...protocol,
    request: {
      ...request,
      async encode() {
        const { buffer } = await request.encode();
        const at = afterString(buffer, afterString(buffer, 0) + field.numbers);
        if (buffer.readInt16BE(at) !== -1) throw new RangeError(`no empty instance id in ${request.apiName}`);
        const name = Buffer.from(instance);
        const length = Buffer.alloc(2);
        length.writeInt16BE(name.length);
        const bytes = Buffer.concat([buffer.subarray(0, at), length, name, buffer.subarray(at + 2)]);
        const encoder = new Encoder(bytes.length);
        encoder.writeBufferInternal(bytes);
        return encoder;
      },
    },
  };
};

/** True when another process has joined under this member's name. */
export const isFenced = (thrown: unknown): boolean => {
  let error = thrown as (RawError & { cause?: unknown }) | undefined;
  for (let depth = 0; depth < 10 && error !== undefined; depth++) {
    if (error.type === "FENCED_INSTANCE_ID") return true;
    error = error.cause as RawError | undefined;
  }
  return false;
};
