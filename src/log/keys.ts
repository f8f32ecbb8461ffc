import * as v from "valibot";
import { byteSize } from "../core/values/bytes.ts";
import type { KeyFacts, TableFacts } from "../core/values/config_key.ts";
import { LOG_LEVELS } from "../core/ports/log.ts";

/** The table `[logging]`. */
export function loggingTable(): v.GenericSchema {
  const facts: TableFacts = { expects: "a table of logging keys" };
  return v.pipe(
    v.strictObject({
      level: key(v.picklist(LOG_LEVELS), {
        about: "The least important records that are written.",
        expects: `one of ${LOG_LEVELS.join(", ")}`,
        reload: "live",
        default: "info",
      }),
      json: key(v.boolean(), {
        about: "Whether records are written as JSON, one a line.",
        expects: "true or false",
        reload: "live",
        default: false,
      }),
      color: key(v.boolean(), { about: "Whether a terminal gets colours.", expects: "true or false", reload: "live", default: true }),
      file: key(v.pipe(v.string(), v.nonEmpty()), {
        about: "A file that the records of the daemon go to as well.",
        expects: "a path",
        reload: "live",
        kind: "path",
      }),
      max_file_size: key(v.pipe(v.union([v.number(), v.string()]), v.check(isFileSize)), {
        about: "A larger file is put aside and begun anew.",
        expects: 'a size above 0 such as 104857600, "64KiB" or "20MB"',
        reload: "live",
        default: 104_857_600,
        kind: "size",
      }),
      max_files: key(v.pipe(v.number(), v.integer(), v.minValue(0)), {
        about: "How many older files are kept.",
        expects: "an integer >= 0",
        reload: "live",
        default: 5,
      }),
    }),
    v.metadata({ facts }),
  );
}

function key(schema: v.GenericSchema, facts: KeyFacts): v.OptionalSchema<v.GenericSchema, undefined> {
  return v.optional(v.pipe(schema, v.metadata({ facts })));
}

function isFileSize(value: string | number): boolean {
  try {
    return byteSize(value) > 0;
  } catch {
    return false;
  }
}
