/**
 * The kinds of setting a node can have. A declaration states each setting once; from it come typed reading at run time
 * (settings.ts), the editor's form and checks, and the catalogues of words (tools/editor).
 */
import type { Message } from "./delivery/contract";

export interface FieldWords {
  /** What the form calls it. */
  readonly label: string;
  /** One sentence below the input. */
  readonly hint?: string;
  readonly placeholder?: string;
  /** Key of one of the declaration's `sections`: the row moves into that collapsible part. */
  readonly section?: string;
  /** Shown only while another field has one of these values. A hidden field is not checked. */
  readonly showIf?: { readonly field: string; readonly is: readonly (string | boolean)[] };
}

interface Typed<T> {
  /** Carries the type of the setting; never present at run time. */
  readonly __setting?: T;
}

export interface TextField extends FieldWords, Typed<string> {
  readonly kind: "text";
  readonly default: string;
  readonly required: boolean;
  /** Source of a regular expression the whole value must match. */
  readonly pattern?: string;
  /** What the form looks at already; the node judges it when it starts, and says more. */
  readonly looksLike?: "schedule" | "template" | "zone";
}
export interface NumberField<T = number | undefined> extends FieldWords, Typed<T> {
  readonly kind: "number";
  readonly default: number | "";
  readonly required: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly integer?: boolean;
}
export interface FlagField extends FieldWords, Typed<boolean> {
  readonly kind: "flag";
  readonly default: boolean;
}
export interface ChoiceField<K extends string = string> extends FieldWords, Typed<K> {
  readonly kind: "choice";
  readonly default: K;
  readonly options: Readonly<Record<K, string>>;
}
export interface NamesField extends FieldWords, Typed<string[]> {
  readonly kind: "names";
  readonly default: string;
  readonly required: boolean;
}
export interface SecretField extends FieldWords, Typed<string> {
  readonly kind: "secret";
  /** Shown while typing, as a user name is; still stored with the credentials. */
  readonly visible: boolean;
}
export interface ConfigNodeField<T = unknown> extends FieldWords, Typed<T> {
  readonly kind: "config";
  readonly type: string;
  readonly required: boolean;
}
export interface TlsField extends FieldWords, Typed<TlsOptions | undefined> {
  readonly kind: "tls";
}
export interface JsonField extends FieldWords, Typed<unknown> {
  readonly kind: "json";
  readonly default: string;
  readonly required: boolean;
}
export interface TypedValueField extends FieldWords, Typed<(message: Message) => unknown> {
  readonly kind: "typed";
  readonly default: string;
  readonly defaultType: TypedInputType;
  readonly types: readonly TypedInputType[];
}
export type ColumnField = TextField | NumberField | FlagField | ChoiceField;
export interface RowsField<T = unknown> extends FieldWords, Typed<T> {
  readonly kind: "rows";
  readonly columns: Readonly<Record<string, ColumnField>>;
  readonly default: readonly Readonly<Record<string, string | number | boolean>>[];
  /** Fewest rows that make sense. */
  readonly min: number;
}

export type Field =
  | TextField
  | NumberField
  | FlagField
  | ChoiceField
  | NamesField
  | SecretField
  | ConfigNodeField
  | TlsField
  | JsonField
  | TypedValueField
  | RowsField;
export type Fields = Readonly<Record<string, Field>>;

/** What a declaration's fields read as: `{ topic: string, partitions: number, … }`. */
export type Settings<F> = { readonly [K in keyof F]: F[K] extends Typed<infer T> ? T : never };

/** Node-RED's typedInput types that a setting can offer. */
export type TypedInputType = "msg" | "flow" | "global" | "str" | "num" | "bool" | "json" | "env" | "date";

/** What Node's tls.connect takes, as Node-RED's `tls-config` node fills it in. */
export interface TlsOptions {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  passphrase?: string;
  servername?: string;
  rejectUnauthorized?: boolean;
  ALPNProtocols?: string[];
}

type Options<F, Optional extends keyof F = never> = Omit<F, "kind" | "__setting" | Optional> &
  Partial<Pick<F, Optional>>;

/** One line of text. `${ENV}` inside it is replaced. */
export const text = (options: Options<TextField, "default" | "required">): TextField => ({
  kind: "text",
  default: "",
  required: false,
  ...options,
});

/** A number that always has a value. */
export const number = (options: Options<NumberField<number>, "required">): NumberField<number> => ({
  kind: "number",
  required: true,
  ...options,
});

/** A number that may be left empty: then `undefined`. */
export const optionalNumber = (options: Options<NumberField, "required" | "default">): NumberField => ({
  kind: "number",
  default: "",
  required: false,
  ...options,
});

/** A tick box. */
export const flag = (options: Options<FlagField>): FlagField => ({ kind: "flag", ...options });

/** One of several values; `options` maps each value to its words. */
export const choice = <K extends string>(
  options: Omit<ChoiceField<K>, "kind" | "__setting" | "default"> & { default: NoInfer<K> },
): ChoiceField<K> => ({ kind: "choice", ...options });

/** A list of names, separated by commas or line breaks. */
export const names = (options: Options<NamesField, "default" | "required">): NamesField => ({
  kind: "names",
  default: "",
  required: false,
  ...options,
});

/** A credential: stored by Node-RED encrypted, never sent back to the editor. Empty when not set. */
export const secret = (options: Options<SecretField, "visible">): SecretField => ({
  kind: "secret",
  visible: false,
  ...options,
});

/** A config node of the given type; the setting is the handle which that node made. */
export const configNode = <T>(
  type: string,
  options: Options<ConfigNodeField<T>, "required" | "type">,
): ConfigNodeField<T> => ({ kind: "config", required: true, ...options, type });

/** A config node that may be left out: then `undefined`. */
export const optionalConfigNode = <T>(
  type: string,
  options: Options<ConfigNodeField<T | undefined>, "required" | "type">,
): ConfigNodeField<T | undefined> => ({ kind: "config", ...options, required: false, type });

/** Node-RED's own `tls-config` node, optional. */
export const tls = (options: Partial<Options<TlsField>> = {}): TlsField => ({ kind: "tls", label: "TLS", ...options });

/** A JSON document, in Node-RED's code editor. */
export const json = (options: Options<JsonField, "default" | "required">): JsonField => ({
  kind: "json",
  default: "",
  required: false,
  ...options,
});

/** A value found per message: a message property, a context value, a constant. The setting is a function. */
export const typedValue = (options: Options<TypedValueField>): TypedValueField => ({ kind: "typed", ...options });

/** A table that the user fills, one row an element. */
export const rows = <C extends Readonly<Record<string, ColumnField>>>(
  options: Omit<RowsField, "kind" | "__setting" | "columns" | "min"> & { columns: C; min?: number },
): RowsField<Settings<C>[]> => ({ kind: "rows", min: 0, ...options });
