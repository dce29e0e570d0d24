/** S3's answers in XML. */
import type * as FastXml from "../../../../vendor/fast-xml-parser";
import { lazily } from "../../lazily";

/** Elements that may come several times. */
const LISTS = new Set(["Contents", "CommonPrefixes", "Upload"]);
const parser = lazily(() => {
  const { XMLParser } = require("../../../../vendor/fast-xml-parser") as typeof FastXml;
  return new XMLParser({
    ignoreAttributes: true,
    parseTagValue: false,
    trimValues: false,
    isArray: (name: unknown) => LISTS.has(String(name)),
  });
});

const parsed = (xml: string, root: string): Record<string, unknown> | undefined => {
  try {
    const found = (parser().parse(xml) as Record<string, unknown>)[root];
    return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
};

/** The texts in an answer's root element; empty when it is another, or no XML. */
export function fieldsOf(xml: string, root: string): Readonly<Record<string, string>> {
  const found = Object.entries(parsed(xml, root) ?? {});
  return Object.fromEntries(found.flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])));
}

export interface Listing {
  readonly objects: readonly { readonly key: string; readonly bytes: number; readonly modified: number }[];
  /** Ends with the delimiter. */
  readonly prefixes: readonly string[];
  /** Where the next page begins. */
  readonly next: string | undefined;
}

/** A page of ListObjectsV2; undefined when the answer is something else. */
export function listingOf(xml: string): Listing | undefined {
  const root = parsed(xml, "ListBucketResult");
  if (!root) return undefined;
  const many = (name: string): Record<string, string>[] => (root[name] as Record<string, string>[] | undefined) ?? [];
  const token = root["NextContinuationToken"];
  return {
    objects: many("Contents").map((one) => ({
      key: String(one["Key"]),
      bytes: Number(one["Size"]),
      modified: Date.parse(String(one["LastModified"])),
    })),
    prefixes: many("CommonPrefixes").map((one) => String(one["Prefix"])),
    next: root["IsTruncated"] === "true" && typeof token === "string" ? token : undefined,
  };
}

export interface Uploads {
  readonly uploads: readonly { readonly key: string; readonly uploadId: string }[];
  /** What asks for the next page. */
  readonly next: Readonly<Record<string, string>> | undefined;
}

/** A page of ListMultipartUploads; empty when the answer is something else. */
export function uploadsOf(xml: string): Uploads {
  const root = parsed(xml, "ListMultipartUploadsResult") ?? {};
  const all = (root["Upload"] as Record<string, string>[] | undefined) ?? [];
  const [key, upload] = [root["NextKeyMarker"], root["NextUploadIdMarker"]];
  const isMore = root["IsTruncated"] === "true" && typeof key === "string";
  return {
    uploads: all.map((one) => ({ key: String(one["Key"]), uploadId: String(one["UploadId"]) })),
    next: isMore ? { "key-marker": key, ...(typeof upload === "string" && { "upload-id-marker": upload }) } : undefined,
  };
}
